# METADATA
# title: A use_only secret is never read
# description: It can only be used through the gateway, which puts the value in place and takes it out of the answer.
package certlocker.rules.disclosure

import data.certlocker.lib.caller
import data.certlocker.lib.reason

# METADATA
# title: Access denied. The secret may be used but not read
# description: >
#   The value never leaves the gateway: it is put into a request or a session where it is needed, and no agent sees
#   it.
# custom:
#   code: DISCLOSURE_USE_ONLY
#   severity: medium
#   remedy: Use the secret through the gateway (certlocker_use_secret) instead of reading it.
deny contains reason.of(rego.metadata.rule(), {}) if {
	input.call.action == "secret.read"
	input.resource.disclosure == "use_only"
	not caller.resource_hidden
}
