# METADATA
# title: An elevation counts only inside its scopes, groups and time
# description: >
#   A temporary grant adds its scopes and groups to an agent until it expires, and nothing else. It denies nothing:
#   once it has lapsed, the agent is back to what it held before.
package certlocker.rules.elevation

# METADATA
# title: Scopes lent by a live elevation
scopes contains scope if {
	_live
	some scope in input.elevation.scopes
}

# METADATA
# title: Groups lent by a live elevation
groups contains group if {
	_live
	some group in input.elevation.groups
}

_live if {
	input.principal.kind == "agent"
	input.elevation.active
	input.elevation.expiresUnixMs > input.call.time.unixMs
}
