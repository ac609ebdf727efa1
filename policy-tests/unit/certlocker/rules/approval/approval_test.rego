package certlocker.rules.approval_test

import data.certlocker.fixture_test as fixture
import data.certlocker.rules.approval

actions := {"secret.read", "secret.use", "ssh.request"}

# Risk level, environment: what needs approval. `certificate.read_key` needs it in every cell.
table := {
	"low": {"production": actions, "staging": set(), "development": set()},
	"medium": {"production": actions, "staging": set(), "development": set()},
	"high": {"production": actions, "staging": {"ssh.request"}, "development": set()},
	"critical": {"production": actions, "staging": actions, "development": actions},
}

asked(risk, environment, action) := asks if {
	question := object.union(
		fixture.call("dev-agent", action, "dev-secret"),
		{"principal": {"riskLevel": risk}, "resource": {"environment": environment}},
	)
	asks := approval.require_approval with input as question
}

test_table[name] if {
	some risk, row in table
	some environment, gated in row
	some action in actions
	name := concat(" ", [risk, environment, action])
	code := {true: "APPROVAL_PRODUCTION", false: "APPROVAL_RISK"}[environment == "production"]
	expected := {true: {code}, false: set()}[action in gated]
	fixture.codes(asked(risk, environment, action)) == expected
}

test_private_key_always[name] if {
	some risk, row in table
	some environment, _ in row
	name := concat(" ", [risk, environment])
	fixture.codes(asked(risk, environment, "certificate.read_key")) == {"APPROVAL_PRIVATE_KEY"}
}

test_never[name] if {
	some risk, _ in table
	some action in [
		"resource.list",
		"host.list",
		"certificate.read",
		"certificate.request",
		"probe.create",
		"probe.read",
		"audit.write",
		"approval.request",
		"approval.read",
		"ssh.command",
	]
	name := concat(" ", [risk, action])
	asked(risk, "production", action) == set()
}

test_missing_cell_asks[name] if {
	some name, case in {
		"an unknown risk level": {"risk": "", "environment": "development"},
		"an unknown environment": {"risk": "low", "environment": ""},
	}
	fixture.codes(asked(case.risk, case.environment, "secret.read")) == {"APPROVAL_RISK"}
}

test_quorum_follows_the_risk[risk] if {
	some risk, quorum in {"low": 1, "medium": 1, "high": 1, "critical": 2}
	{one.quorum | some one in asked(risk, "production", "secret.read")} == {quorum}
}

test_quorum_of_an_unknown_risk_is_two if {
	{one.quorum | some one in asked("", "production", "secret.read")} == {2}
}

test_title_names_the_risk if {
	titles := {one.title | some one in asked("critical", "development", "secret.read")}
	titles == {"An agent of risk level critical needs approval for this"}
}

test_table_gates_no_other_action if {
	question := object.union(fixture.call("dev-agent", "host.list", "dev-secret"), {"principal": {"riskLevel": "low"}})
	found := approval.require_approval with input as question
		with data.certlocker.config.approvalRequired as {"low": {"development": ["host.list"]}}
	found == set()
}

test_private_secret_without_groups_lies_in_no_environment if {
	found := approval.require_approval with input as fixture.call("dev-agent", "secret.read", "ada-private")
	found == set()
}

test_private_secrets[name] if {
	some name, case in {
		"of no group, as in development": {"risk": "critical", "resource": {}, "codes": {"APPROVAL_RISK"}},
		"of a group, as in its environment": {
			"risk": "low",
			"resource": {"groups": ["prod"], "environment": "production"},
			"codes": {"APPROVAL_PRODUCTION"},
		},
	}
	question := object.union(
		fixture.call("dev-agent", "secret.read", "ada-private"),
		{"principal": {"riskLevel": case.risk}, "resource": case.resource},
	)
	found := fixture.codes(approval.require_approval) with input as question
	found == case.codes
}

test_private_key_of_an_exempt_group_needs_none if {
	found := approval.require_approval with input as fixture.call("dev-agent", "certificate.read_key", "dev-certificate")
		with data.certlocker.config.approvalExemptGroups as ["dev"]
	found == set()
}

test_exempt_groups[name] if {
	some name, case in {
		"the only group is exempt": {"groups": ["sandbox"], "codes": set()},
		"every group is exempt": {"groups": ["sandbox", "lab"], "codes": set()},
		"one group is not exempt": {"groups": ["sandbox", "prod"], "codes": {"APPROVAL_PRODUCTION"}},
		"no group is not exempt": {"groups": [], "codes": {"APPROVAL_PRODUCTION"}},
	}
	question := object.union(
		fixture.call("prod-agent", "secret.read", "prod-secret"),
		{"resource": {"groups": case.groups}},
	)
	found := fixture.codes(approval.require_approval) with input as question
		with data.certlocker.config.approvalExemptGroups as ["sandbox", "lab"]
	found == case.codes
}

test_people_need_none[action] if {
	some action in ["secret.read", "certificate.read_key"]
	found := approval.require_approval with input as fixture.call("operator", action, "prod-secret")
	found == set()
}

test_denied[name] if {
	some name, case in {
		"this call": {"approval": {"status": "denied", "callDigest": "sha256:call"}, "codes": {"APPROVAL_DENIED"}},
		"another call": {"approval": {"status": "denied", "callDigest": "sha256:other"}, "codes": set()},
		"still pending": {"approval": {"status": "pending", "callDigest": "sha256:call"}, "codes": set()},
	}
	question := object.union(fixture.call("prod-agent", "secret.read", "prod-secret"), {"approval": case.approval})
	found := fixture.codes(approval.deny) with input as question
	found == case.codes
}
