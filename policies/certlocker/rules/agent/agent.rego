# METADATA
# title: Only an active agent is served
# description: Suspension and revocation are checked before policy as well; here they hold for simulation and in depth.
package certlocker.rules.agent

import data.certlocker.lib.reason

# METADATA
# title: Access denied. The agent is suspended
# description: >
#   A suspended agent is stopped until somebody resumes it. People suspend agents, and so does a burst of denials.
# custom:
#   code: AGENT_SUSPENDED
#   severity: high
#   remedy: An operator resumes the agent once the cause of the suspension is understood.
deny contains reason.of(rego.metadata.rule(), {}) if {
	input.principal.kind == "agent"
	input.principal.status == "suspended"
}

# METADATA
# title: Access denied. The agent is revoked
# description: >
#   A revoked agent is gone for good. All its tokens and sessions end with it, and whoever still holds one is refused.
# custom:
#   code: AGENT_REVOKED
#   severity: high
#   remedy: A revoked agent never comes back. Create a new one.
deny contains reason.of(rego.metadata.rule(), {}) if {
	input.principal.kind == "agent"
	input.principal.status == "revoked"
}
