# METADATA
# title: A caller and a resource share a group
# description: >
#   Environments are groups. Nothing is reachable across them, whatever the prompt says. A private secret is
#   reachable by its owner's agents only, and, when it has groups, only inside them.
package certlocker.rules.group

import data.certlocker.lib.caller
import data.certlocker.lib.reason

# METADATA
# title: Access denied. Token is scoped to groups [{principal}], {type} is in [{resource}]
# description: >
#   Groups are the border between environments. An agent reaches a resource only if they share a group, its live
#   elevation included.
# custom:
#   code: GROUP_MISMATCH
#   severity: high
#   remedy: Give the agent and its token a group of the resource, or ask for an elevation.
deny contains reason.of(rego.metadata.rule(), details) if {
	input.principal.kind == "agent"
	input.resource.type != ""

	# Which groups may probe an endpoint is for rules.probe to say.
	input.call.action != "probe.create"
	_present
	not caller.resource_hidden
	not _private_without_groups
	count(caller.shared_groups) == 0
	details := {
		"principal": sort(caller.groups),
		"resource": sort(caller.resource_groups),
		"type": input.resource.type,
	}
}

# METADATA
# title: Access denied. The private secret belongs to another owner
# description: >
#   A private secret is for the agents of its owner alone. The agent is answered as if the secret did not exist; only
#   operators see this code.
# custom:
#   code: PRIVATE_OWNER_MISMATCH
#   severity: high
#   visibility: operator
#   remedy: A private secret is for its owner's agents. Make it a shared secret of a group if others need it.
deny contains reason.of(rego.metadata.rule(), {}) if caller.resource_hidden

# What is still to be created (a new certificate) has groups but no name yet.
_present if input.resource.exists

_present if input.resource.name == ""

_private_without_groups if {
	input.resource.kind == "private"
	count(input.resource.groups) == 0
}
