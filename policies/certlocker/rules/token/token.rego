# METADATA
# title: A token counts only while it is valid, from where it may be used, and once when it is for single use
# description: The same is checked before policy; here it holds for simulation and in depth.
package certlocker.rules.token

import data.certlocker.lib.reason

# METADATA
# title: Access denied. The token has expired
# description: >
#   Tokens live for a limited time, so that a lost one is of use for a limited time.
# custom:
#   code: TOKEN_EXPIRED
#   severity: medium
#   remedy: Issue a new token for the agent, or turn on automatic rotation.
deny contains reason.of(rego.metadata.rule(), {}) if {
	input.token.id != ""
	input.token.expiresUnixMs <= input.call.time.unixMs
}

# METADATA
# title: Access denied. The token may not be used from this address
# description: >
#   The token is bound to networks, and the call came from none of them. A token that was copied to another place is
#   of no use there.
# custom:
#   code: CIDR_MISMATCH
#   severity: high
#   remedy: Call from a network of the token's CIDR list, or issue a token for this network.
deny contains reason.of(rego.metadata.rule(), {}) if {
	count(input.token.cidrs) > 0
	not input.token.cidrMatched
}

# METADATA
# title: Access denied. The single-use token is spent
# description: >
#   A single-use token is bound to the first call that was allowed; it answers that call again and no other.
# custom:
#   code: TOKEN_SPENT
#   severity: medium
#   remedy: Issue another single-use token. A token for single use is bound to the first call that was allowed.
deny contains reason.of(rego.metadata.rule(), {}) if {
	input.token.singleUse
	input.token.spent
	input.call.action in _spending
}

# Actions that bind a single-use token; every other one stays free.
_spending := {
	"secret.read",
	"secret.use",
	"certificate.read",
	"certificate.read_key",
	"certificate.request",
	"ssh.request",
	"probe.create",
}
