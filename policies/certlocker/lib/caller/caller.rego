# METADATA
# title: The caller
# description: What the caller effectively holds at this moment, its live elevation included, and what stays hidden from it.
package certlocker.lib.caller

import data.certlocker.rules.elevation

# METADATA
# title: Scopes the caller holds now
scopes := {scope | some scope in input.principal.scopes} | elevation.scopes

# METADATA
# title: Groups the caller holds now
groups := {group | some group in input.principal.groups} | elevation.groups

# METADATA
# title: Groups of the resource
resource_groups := {group | some group in input.resource.groups}

# METADATA
# title: Groups that the caller and the resource share
shared_groups := groups & resource_groups

# METADATA
# title: The resource is another owner's private secret
# description: An agent must not learn that such a secret exists, so every rule but `group` and `unknown` keeps silent about it.
resource_hidden if {
	input.principal.kind == "agent"
	input.resource.kind == "private"
	not _owned_by_same_person
}

_owned_by_same_person if {
	input.principal.owner == input.resource.owner
	input.resource.owner != ""
}
