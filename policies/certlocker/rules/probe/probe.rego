# METADATA
# title: An agent probes only what its groups register
# description: >
#   A probe connects to where an agent says. So the target must be written in the one canonical form, must lie at an
#   address that may be reached, and must be listed in probeTargets of a group of the agent.
package certlocker.rules.probe

import data.certlocker.lib.caller
import data.certlocker.lib.reason

# METADATA
# title: Access denied. The probe target {why}
# description: >
#   The target is in no group of the agent, is written in a form that two readers could understand differently, or lies
#   at an address that probes never reach: metadata services, link-local, and private networks that the operator did not
#   open (egress.privateCidrs).
# custom:
#   code: PROBE_TARGET_FORBIDDEN
#   severity: high
#   remedy: Register host:port in probeTargets of a group of the agent; private networks also in egress.privateCidrs.
deny contains reason.of(rego.metadata.rule(), {"why": _objection}) if {
	input.principal.kind == "agent"
	input.call.action == "probe.create"
}

_objection := "is not an https URL or host:port in canonical form" if {
	input.derived.url.host == ""
} else := "lies at an address that must not be probed" if {
	not input.derived.url.ipClass in {"public", "private_permitted", "unresolved"}
} else := "is not registered in a group of this agent" if {
	count(caller.shared_groups) == 0
	not data.certlocker.config.probeUnregisteredTargets
}
