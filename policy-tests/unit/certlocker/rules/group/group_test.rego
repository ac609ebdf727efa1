package certlocker.rules.group_test

import data.certlocker.fixture_test as fixture
import data.certlocker.rules.group

test_group[name] if {
	some name, case in {
		"same group": {"principal": ["edge"], "resource": ["edge"], "codes": set()},
		"other group": {"principal": ["edge"], "resource": ["prod"], "codes": {"GROUP_MISMATCH"}},
		"one of several": {"principal": ["edge", "prod"], "resource": ["prod"], "codes": set()},
		"one of the resource's several": {"principal": ["prod"], "resource": ["edge", "prod"], "codes": set()},
		"no group at all": {"principal": [], "resource": ["prod"], "codes": {"GROUP_MISMATCH"}},
		"a shared secret without groups": {"principal": ["edge"], "resource": [], "codes": {"GROUP_MISMATCH"}},
	}
	question := object.union(
		fixture.call("edge-agent", "secret.read", "edge-secret"),
		{"principal": {"groups": case.principal}, "resource": {"groups": case.resource}},
	)
	found := fixture.codes(group.deny) with input as question
	found == case.codes
}

test_private[name] if {
	some name, case in {
		"the owner's, in no group": {"resource": "ada-private", "groups": [], "codes": set()},
		"the owner's, in a shared group": {"resource": "ada-private", "groups": ["dev"], "codes": set()},
		"the owner's, in another group": {"resource": "ada-private", "groups": ["prod"], "codes": {"GROUP_MISMATCH"}},
		"another owner's": {"resource": "bo-private", "groups": [], "codes": {"PRIVATE_OWNER_MISMATCH"}},
		"another owner's, in a shared group": {"resource": "bo-private", "groups": ["dev"], "codes": {"PRIVATE_OWNER_MISMATCH"}},
	}
	question := object.union(fixture.call("dev-agent", "secret.read", case.resource), {"resource": {"groups": case.groups}})
	found := fixture.codes(group.deny) with input as question
	found == case.codes
}

test_owner_mismatch_is_for_operators if {
	found := group.deny with input as fixture.call("dev-agent", "secret.read", "bo-private")
	{one.visibility | some one in found} == {"operator"}
}

test_silent_where_nothing_is_compared[name] if {
	some name, question in {
		"no resource": fixture.call("edge-agent", "host.list", "none"),
		"an unknown name": fixture.call("edge-agent", "secret.read", "unknown-secret"),
		"a person": fixture.call("operator", "secret.read_metadata", "prod-secret"),
	}
	found := group.deny with input as question
	found == set()
}

test_something_new_has_groups_before_it_has_a_name if {
	question := object.union(
		fixture.call("edge-agent", "certificate.request", "none"),
		{"resource": {"type": "certificate", "groups": ["prod"]}},
	)
	found := fixture.codes(group.deny) with input as question
	found == {"GROUP_MISMATCH"}
}

test_words_of_the_contract[type] if {
	some type in ["secret", "certificate", "host"]
	question := object.union(
		fixture.call("edge-agent", "secret.read", "prod-secret"),
		{"principal": {"groups": ["office", "edge"]}, "resource": {"type": type, "groups": ["web", "prod"]}},
	)
	found := group.deny with input as question
	title := concat("", ["Access denied. Token is scoped to groups [edge, office], ", type, " is in [prod, web]"])
	{one.title | some one in found} == {title}
}
