# METADATA
# title: What a person may do is a matter of role and groups
# description: >
#   Role by action. An admin may do everything and has every group. An operator and an approver read what shares a
#   group with them; an operator creates and changes only where every group of the resource is theirs. What is in no
#   group is for its owner and admins. An auditor reads across groups, because an audit that ends at a group is none.
#   Lists are bound by role alone. Service accounts hold a role too, but never decide an approval and never see a value.
package certlocker.rules.people

import data.certlocker.lib.caller
import data.certlocker.lib.reason

# METADATA
# title: Access denied. Role {role} does not permit {action}
# description: >
#   The table of roles and actions does not hold this action for the role, or the person is suspended.
# custom:
#   code: ROLE_NOT_PERMITTED
#   severity: medium
#   remedy: Ask a person whose role permits this, or an admin to change the role.
deny contains reason.of(rego.metadata.rule(), details) if {
	_is_person_or_service
	not _role_permits
	details := {"role": _role_name, "action": input.call.action}
}

# METADATA
# title: >-
#   Access denied. {what} a person only, not {to} service account: register one (certlocker people create), make them an
#   API key (certlocker api-keys create) and use that
# description: >
#   Deciding an approval and seeing a value are acts of a person who can be asked about them. A key of a service
#   account is held by a machine.
# custom:
#   code: PERSON_ONLY
#   severity: medium
#   remedy: Register a person, make them an API key, and use that instead of the key of a service account.
deny contains reason.of(rego.metadata.rule(), _for_people_only[input.call.action]) if {
	input.principal.kind == "service"
}

# METADATA
# title: Access denied. Your groups are [{principal}], the {type} is in [{resource}]
# description: >
#   Roles say what a person may do, groups say to what. To change something, an operator needs every group of it, and
#   to read it one.
# custom:
#   code: GROUP_NOT_HELD
#   severity: high
#   remedy: Ask a person who has the groups, or an admin to give them to you.
deny contains reason.of(rego.metadata.rule(), details) if {
	_is_person_or_service
	_bound_to_groups
	not _groups_suffice
	details := {
		"principal": sort(caller.groups),
		"resource": sort(caller.resource_groups),
		"type": input.resource.type,
	}
}

# METADATA
# title: Access denied. The {type} is in no group and belongs to another person
# description: >
#   What is in no group is nobody else's business: it is for its owner and for admins.
# custom:
#   code: GROUPLESS_NOT_OWN
#   severity: high
#   remedy: Ask its owner, or an admin to put it in a group that you have.
deny contains reason.of(rego.metadata.rule(), {"type": input.resource.type}) if {
	_is_person_or_service
	_bound_to_groups
	_role_permits
	_present
	input.resource.kind != "private"
	count(input.resource.groups) == 0
	input.resource.owner != input.principal.id
}

# METADATA
# title: Access denied. The private secret belongs to another person
# description: >
#   A private secret is described and revealed to its owner and to admins, whatever groups others share with it.
# custom:
#   code: PRIVATE_NOT_OWN
#   severity: high
#   remedy: Ask its owner. Among people only the owner, an admin and, for its description, an auditor come near it.
deny contains reason.of(rego.metadata.rule(), {}) if {
	_is_person_or_service
	_bound_to_groups
	input.resource.kind == "private"
	input.resource.owner != input.principal.id
}

# METADATA
# title: Access denied. Only an admin takes over an entry of Vault
# description: >
#   An entry of Vault that exists already may hold anything. Only an admin decides that the gateway hands it out.
# custom:
#   code: SOURCE_FOR_ADMINS
#   severity: high
#   remedy: Ask an admin, or store the value itself.
deny contains reason.of(rego.metadata.rule(), {}) if {
	_is_person_or_service
	input.call.action == "secret.create"
	input.arguments.source
	input.principal.role != "admin"
}

# METADATA
# title: Role {role} permits {action}
# description: >
#   The table of roles and actions holds this action for the role. A denial of another rule outweighs it.
# custom:
#   code: ROLE_PERMITTED
#   severity: low
#   visibility: operator
allow contains reason.of(rego.metadata.rule(), {"role": input.principal.role, "action": input.call.action}) if {
	_is_person_or_service
	_role_permits
	not _denied_to_services
}

_is_person_or_service if input.principal.kind in {"person", "service"}

_role_name := input.principal.role if input.principal.role != ""

_role_name := "(none)" if input.principal.role == ""

_role_permits if {
	not input.principal.status in {"suspended", "revoked"}
	_in_table
}

_denied_to_services if {
	input.principal.kind == "service"
	_for_people_only[input.call.action]
}

_for_people_only := {
	"approval.approve": {"what": "An approval is decided by", "to": "by a"},
	"approval.deny": {"what": "An approval is decided by", "to": "by a"},
	"secret.reveal": {"what": "A value is revealed to", "to": "to a"},
}

_in_table if input.principal.role == "admin"

_in_table if input.call.action in _reads[input.principal.role]

_in_table if input.call.action in _changes[input.principal.role]

_in_table if {
	input.call.action in _own[input.principal.role]
	input.resource.owner == input.principal.id
}

# --- the table -------------------------------------------------------------------------------------------------------

_registry_reads := {
	"agent.list",
	"agent.read",
	"approval.list",
	"approval.read",
	"certificate.list",
	"certificate.read",
	"elevation.list",
	"group.list",
	"group.read",
	"host.list",
	"host.read",
	"kill.list",
	"kill.read",
	"person.list",
	"person.read",
	"probe.list",
	"probe.read",
	"secret.list",
	"secret.list_versions",
	"secret.read_metadata",
	"session.list",
	"ssh_ca.read",
	"ssh_session.list",
	"ssh_session.read",
	"token.list",
	"token.read",
}

_reads := {
	"operator": ((_registry_reads | _through_the_bastion) | {"access.read"}),
	"approver": _registry_reads,
	"auditor": (_registry_reads | {
		"access.read",
		"api_key.list",
		"audit.export",
		"audit.read",
		"audit.verify",
		"policy.read",
		"ssh_session.view_recording",
	}),
	"policy_author": {
		"audit.read",
		"policy.evaluate",
		"policy.push",
		"policy.read",
		"policy.replay",
	},
}

# As for an agent, one group that a person shares with the host is enough.
_through_the_bastion := {
	"ssh.command",
	"ssh.connect",
	"ssh.request",
}

_changes := {
	"operator": {
		"agent.create",
		"agent.resume",
		"agent.revoke",
		"agent.suspend",
		"agent.update",
		"certificate.create",
		"certificate.renew",
		"certificate.update",
		"elevation.create",
		"elevation.revoke",
		"host.create",
		"host.update",
		"kill.lift",
		"kill.order",
		"probe.create",
		"probe.update",
		"secret.create",
		"secret.delete",
		"secret.restore",
		"secret.reveal",
		"secret.update",
		"session.end",
		"ssh_session.end",
		"token.create",
		"token.revoke",
	},
	"approver": {"approval.approve", "approval.deny"},
}

# Only where the person is the owner of what is named.
_own := {"operator": {"api_key.create", "api_key.list", "api_key.revoke"}}

_bound_to_groups if input.principal.role in {"operator", "approver"}

# A missing name is answered by 404, and what is still to be created counts as if it were there.
_present if input.resource.exists

_present if {
	input.resource.type != ""
	endswith(input.call.action, ".create")
}

_groups_suffice if {
	not input.call.action in _changes.operator
	count(caller.shared_groups) > 0
}

_groups_suffice if count(caller.resource_groups - caller.groups) == 0
