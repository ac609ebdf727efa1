# METADATA
# title: An agent acts only while its owner may
# description: An agent is answered for by a person. When that person is disabled, the agent stops too.
package certlocker.rules.owner

import data.certlocker.lib.reason

# METADATA
# title: Access denied. The owner of the agent is disabled
# description: >
#   A person answers for every owned agent. When that person may do nothing any more, neither may the agent.
# custom:
#   code: OWNER_DISABLED
#   severity: high
#   remedy: Enable the owner again, or give the agent an owner who answers for it.
deny contains reason.of(rego.metadata.rule(), {}) if {
	input.principal.kind == "agent"
	input.principal.ownerDisabled
}
