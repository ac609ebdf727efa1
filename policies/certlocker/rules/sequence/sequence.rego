# METADATA
# title: What was read is not carried out
# description: >
#   Two calls that are harmless each can be harmful in a row: to read a value, and to speak to a stranger.
package certlocker.rules.sequence

import data.certlocker.lib.caller
import data.certlocker.lib.reason

# METADATA
# title: Access denied. This agent read a production secret within the hour and may probe registered targets only
# description: >
#   A probe of an endpoint that no group of the agent registers could carry the value away, in the name or in the path.
# custom:
#   code: SEQUENCE_PROBE_AFTER_READ
#   severity: high
#   remedy: Register the target in a group of the agent, or wait until the hour has passed.
deny contains reason.of(rego.metadata.rule(), {}) if {
	input.principal.kind == "agent"
	input.call.action == "probe.create"
	input.history.hour.productionReads > 0
	count(caller.shared_groups) == 0
}
