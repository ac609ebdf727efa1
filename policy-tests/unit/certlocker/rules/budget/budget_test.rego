package certlocker.rules.budget_test

import data.certlocker.fixture_test as fixture
import data.certlocker.rules.budget

test_reads[name] if {
	some name, case in {
		"the hundredth distinct secret": {"as": "dev-agent", "action": "secret.read", "read": 99, "codes": set()},
		"the one after it": {"as": "dev-agent", "action": "secret.read", "read": 100, "codes": {"READ_BUDGET_EXCEEDED"}},
		"other actions go on": {"as": "dev-agent", "action": "host.list", "read": 100, "codes": set()},
		"a person has no budget": {"as": "operator", "action": "secret.read", "read": 100, "codes": set()},
	}
	question := object.union(
		fixture.call(case.as, case.action, "dev-secret"),
		{"history": {"hour": {"distinctSecrets": case.read}}},
	)
	found := fixture.codes(budget.deny) with input as question
	found == case.codes
}

test_denied_names[name] if {
	some name, case in {
		"after 24 names": {"as": "dev-agent", "denied": 24, "codes": set(), "obligations": set()},
		"after 25 names": {"as": "dev-agent", "denied": 25, "codes": {"DENIAL_BURST"}, "obligations": {"suspend_agent"}},
		"a person is not suspended": {"as": "operator", "denied": 25, "codes": set(), "obligations": set()},
	}
	question := object.union(
		fixture.call(case.as, "host.list", "none"),
		{"history": {"minute": {"deniedNames": case.denied}}},
	)
	found := fixture.codes(budget.deny) with input as question
	found == case.codes
	obliged := budget.oblige with input as question
	{one.type | some one in obliged} == case.obligations
}

test_budgets_are_tunable if {
	question := object.union(
		fixture.call("dev-agent", "secret.read", "dev-secret"),
		{"history": {"hour": {"distinctSecrets": 3}}},
	)
	found := budget.deny with input as question with data.certlocker.config.distinctSecretsPerHourMax as 3
	{one.title | some one in found} == {"Access denied. The agent has read 3 distinct secrets within the hour"}
}

test_title_names_the_limit_of_denied_names if {
	question := object.union(
		fixture.call("dev-agent", "host.list", "none"),
		{"history": {"minute": {"deniedNames": 30}}},
	)
	found := budget.deny with input as question
	title := "Access denied. The agent was refused 25 distinct names within a minute and is suspended"
	{one.title | some one in found} == {title}
}
