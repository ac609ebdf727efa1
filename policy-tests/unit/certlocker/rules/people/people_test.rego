package certlocker.rules.people_test

import data.certlocker.fixture_test as fixture
import data.certlocker.rules.people

# The whole table, once more and in full: who may do what where no group stands in the way.
permitted := {
	"operator": {
		"access.read",
		"agent.create",
		"agent.list",
		"agent.read",
		"agent.resume",
		"agent.revoke",
		"agent.suspend",
		"agent.update",
		"approval.list",
		"approval.read",
		"certificate.create",
		"certificate.list",
		"certificate.read",
		"certificate.renew",
		"certificate.update",
		"elevation.create",
		"elevation.list",
		"elevation.revoke",
		"group.list",
		"group.read",
		"host.create",
		"host.list",
		"host.read",
		"host.update",
		"kill.lift",
		"kill.list",
		"kill.order",
		"kill.read",
		"person.list",
		"person.read",
		"probe.create",
		"probe.list",
		"probe.read",
		"probe.update",
		"secret.create",
		"secret.delete",
		"secret.list",
		"secret.list_versions",
		"secret.read_metadata",
		"secret.restore",
		"secret.reveal",
		"secret.update",
		"session.end",
		"session.list",
		"ssh.command",
		"ssh.connect",
		"ssh.request",
		"ssh_ca.read",
		"ssh_session.end",
		"ssh_session.list",
		"ssh_session.read",
		"token.create",
		"token.list",
		"token.read",
		"token.revoke",
	},
	"approver": {
		"agent.list",
		"agent.read",
		"approval.approve",
		"approval.deny",
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
	},
	"auditor": {
		"access.read",
		"agent.list",
		"agent.read",
		"api_key.list",
		"approval.list",
		"approval.read",
		"audit.export",
		"audit.read",
		"audit.verify",
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
		"policy.read",
		"probe.list",
		"probe.read",
		"secret.list",
		"secret.list_versions",
		"secret.read_metadata",
		"session.list",
		"ssh_ca.read",
		"ssh_session.list",
		"ssh_session.read",
		"ssh_session.view_recording",
		"token.list",
		"token.read",
	},
	"policy-author": {
		"audit.read",
		"policy.evaluate",
		"policy.push",
		"policy.read",
		"policy.replay",
	},
}

actions := (((permitted.operator | permitted.approver) | permitted.auditor) | permitted["policy-author"]) | {
	"api_key.create",
	"api_key.revoke",
	"group.create",
	"group.update",
	"kill.create",
	"kill.lift",
	"person.create",
	"person.update",
	"policy.activate",
	"policy.rollback",
	"secret.read",
}

answer(question) := given if {
	given := {"deny": fixture.codes(people.deny), "allow": fixture.codes(people.allow)} with input as question
}

yes := {"deny": set(), "allow": {"ROLE_PERMITTED"}}

no := {"deny": {"ROLE_NOT_PERMITTED"}, "allow": set()}

test_permitted[name] if {
	some role, list in permitted
	some action in list
	name := concat(" ", [role, action])
	answer(fixture.call(role, action, "none")) == yes
}

test_not_permitted[name] if {
	some role, list in permitted
	some action in (actions - list)
	name := concat(" ", [role, action])
	answer(fixture.call(role, action, "none")) == no
}

test_admin_may_everything[action] if {
	some action in actions
	answer(fixture.call("admin", action, "mixed-agent")) == yes
}

test_service_account_neither_approves_nor_sees_values[action] if {
	some action in actions
	for_people := {"deny": {"PERSON_ONLY"}, "allow": set()}
	expected := {true: for_people, false: yes}[action in {"approval.approve", "approval.deny", "secret.reveal"}]
	answer(fixture.call("automation", action, "none")) == expected
}

test_own_api_keys[name] if {
	some name, case in {
		"create one's own": {"as": "operator", "action": "api_key.create", "resource": "ada-key", "answer": yes},
		"list one's own": {"as": "operator", "action": "api_key.list", "resource": "ada-key", "answer": yes},
		"list another's": {"as": "operator", "action": "api_key.list", "resource": "bo-key", "answer": no},
		"nothing else for being the owner": {"as": "operator", "action": "person.update", "resource": "ada-key", "answer": no},
		"revoke one's own": {"as": "operator", "action": "api_key.revoke", "resource": "ada-key", "answer": yes},
		"revoke another's": {"as": "operator", "action": "api_key.revoke", "resource": "bo-key", "answer": no},
		"an auditor has no such right": {"as": "auditor", "action": "api_key.create", "resource": "ada-key", "answer": no},
	}
	answer(fixture.call(case.as, case.action, case.resource)) == case.answer
}

test_groups[name] if {
	outside := {"deny": {"GROUP_NOT_HELD"}, "allow": {"ROLE_PERMITTED"}}
	some name, case in {
		"operator reads in own group": {"as": "operator", "action": "agent.read", "resource": "dev-agent", "answer": yes},
		"operator reads what shares one group": {"as": "operator", "action": "agent.read", "resource": "mixed-agent", "answer": yes},
		"operator reads nothing else": {"as": "operator", "action": "secret.read_metadata", "resource": "prod-secret", "answer": outside},
		"operator changes in own group": {"as": "operator", "action": "agent.suspend", "resource": "dev-agent", "answer": yes},
		"operator changes only where all groups are own": {"as": "operator", "action": "agent.suspend", "resource": "mixed-agent", "answer": outside},
		"approver decides in own group": {"as": "approver", "action": "approval.approve", "resource": "prod-approval", "answer": yes},
		"approver decides what shares one group": {"as": "approver", "action": "approval.deny", "resource": "mixed-agent", "answer": yes},
		"approver decides nothing else": {"as": "approver", "action": "approval.approve", "resource": "dev-agent", "answer": outside},
		"auditor reads across groups": {"as": "auditor", "action": "secret.read_metadata", "resource": "prod-secret", "answer": yes},
		"admin has every group": {"as": "admin", "action": "agent.update", "resource": "mixed-agent", "answer": yes},
	}
	answer(fixture.call(case.as, case.action, case.resource)) == case.answer
}

test_without_groups[name] if {
	others := {"deny": {"GROUPLESS_NOT_OWN"}, "allow": {"ROLE_PERMITTED"}}
	some name, case in {
		"one's own agent": {"as": "operator", "action": "agent.suspend", "resource": "ada-agent", "answer": yes},
		"another's agent": {"as": "operator", "action": "agent.suspend", "resource": "bo-agent", "answer": others},
		"another's agent, to read": {"as": "approver", "action": "agent.read", "resource": "ada-agent", "answer": others},
		"a token of one's own agent": {"as": "operator", "action": "token.create", "resource": "ada-token", "answer": yes},
		"a token of another's agent": {"as": "operator", "action": "token.create", "resource": "bo-token", "answer": others},
		"a name that is not there": {"as": "operator", "action": "agent.suspend", "resource": "unknown-agent", "answer": yes},
		"what belongs to nobody": {"as": "approver", "action": "approval.approve", "resource": "groupless-approval", "answer": others},
		"an auditor reads all": {"as": "auditor", "action": "agent.read", "resource": "bo-agent", "answer": yes},
		"an admin changes all": {"as": "admin", "action": "agent.revoke", "resource": "bo-agent", "answer": yes},
	}
	answer(fixture.call(case.as, case.action, case.resource)) == case.answer
}

test_private_secrets[name] if {
	others := {"deny": {"PRIVATE_NOT_OWN"}, "allow": {"ROLE_PERMITTED"}}
	some name, case in {
		"one's own": {"as": "operator", "action": "secret.reveal", "resource": "ada-private", "answer": yes},
		"another's value": {"as": "operator", "action": "secret.reveal", "resource": "bo-private", "answer": others},
		"another's description": {"as": "operator", "action": "secret.read_metadata", "resource": "bo-private", "answer": others},
		"an auditor sees descriptions": {"as": "auditor", "action": "secret.read_metadata", "resource": "bo-private", "answer": yes},
		"an admin sees all": {"as": "admin", "action": "secret.reveal", "resource": "bo-private", "answer": yes},
	}
	answer(fixture.call(case.as, case.action, case.resource)) == case.answer
}

test_sources[name] if {
	refused := {"deny": {"SOURCE_FOR_ADMINS"}, "allow": {"ROLE_PERMITTED"}}
	source := {"path": "teams/dev/db", "field": "password"}
	some name, case in {
		"an admin takes over an entry": {"as": "admin", "arguments": {"source": source}, "answer": yes},
		"automation does": {"as": "automation", "arguments": {"source": source}, "answer": yes},
		"an operator does not": {"as": "operator", "arguments": {"source": source}, "answer": refused},
		"an operator gives a value": {"as": "operator", "arguments": {"value": "x"}, "answer": yes},
	}
	question := fixture.call(case.as, "secret.create", "dev-secret")
	answer(object.union(question, {"arguments": case.arguments})) == case.answer
}

# Not even with a role in the input: what an agent may do is a matter of scopes.
test_agents_have_no_role[name] if {
	source := {"path": "teams/dev/db", "field": "password"}
	some name, case in {
		"no role": {"role": "", "action": "agent.suspend", "resource": "dev-agent", "arguments": {}},
		"what a role permits": {"role": "operator", "action": "agent.suspend", "resource": "dev-agent", "arguments": {}},
		"other groups": {"role": "operator", "action": "agent.read", "resource": "prod-secret", "arguments": {}},
		"no group": {"role": "operator", "action": "agent.suspend", "resource": "bo-agent", "arguments": {}},
		"a private secret": {"role": "operator", "action": "secret.reveal", "resource": "bo-private", "arguments": {}},
		"an entry of Vault": {"role": "operator", "action": "secret.create", "resource": "dev-secret", "arguments": {"source": source}},
	}
	question := object.union(
		fixture.call("dev-agent", case.action, case.resource),
		{"principal": {"role": case.role}, "arguments": case.arguments},
	)
	answer(question) == {"deny": set(), "allow": set()}
}

test_a_source_matters_to_what_is_created_only if {
	question := fixture.call("operator", "secret.update", "dev-secret")
	answer(object.union(question, {"arguments": {"source": {"path": "teams/dev/db"}}})) == yes
}

test_details_of_an_allowance if {
	found := people.allow with input as fixture.call("operator", "agent.list", "none")
	[one.details | some one in found] == [{"role": "operator", "action": "agent.list"}]
}

test_titles_of_what_is_for_people_only[action] if {
	some action, start in {
		"approval.approve": "Access denied. An approval is decided by a person only, not by a service account: ",
		"approval.deny": "Access denied. An approval is decided by a person only, not by a service account: ",
		"secret.reveal": "Access denied. A value is revealed to a person only, not to a service account: ",
	}
	found := people.deny with input as fixture.call("automation", action, "none")
	every one in found {
		startswith(one.title, start)
	}
	count(found) == 1
}

test_title_without_role if {
	question := object.union(fixture.call("operator", "agent.list", "none"), {"principal": {"role": ""}})
	found := people.deny with input as question
	{one.title | some one in found} == {"Access denied. Role (none) does not permit agent.list"}
}

test_suspended_or_revoked_person_may_nothing[status] if {
	some status in ["suspended", "revoked"]
	question := object.union(fixture.call("admin", "agent.list", "none"), {"principal": {"status": status}})
	answer(question) == no
}
