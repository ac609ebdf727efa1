package certlocker.lib.requirement_test

import data.certlocker.fixture_test as fixture
import data.certlocker.lib.requirement

approver := {"id": "per_bo", "role": "approver", "groups": ["prod"]}

admin := {"id": "per_root", "role": "admin", "groups": []}

given := {"approval": {
	"status": "approved",
	"id": "apr_1",
	"callDigest": "sha256:call",
	"approvers": [approver],
	"quorum": 1,
	"useBeforeUnixMs": 1000000,
}}

met(facts, quorum) if {
	question := object.union_n([fixture.call("prod-agent", "secret.read", "prod-secret"), given, facts])
	requirement.met({"quorum": quorum}) with input as question
}

by(approvers) := {"approval": {"approvers": approvers}}

test_met[name] if {
	some name, case in {
		"by an approver of the group, at the last millisecond": {"facts": {}, "quorum": 1},
		"by an admin of no group": {"facts": by([admin]), "quorum": 1},
		"by two": {"facts": by([approver, admin]), "quorum": 2},
	}
	met(case.facts, case.quorum)
}

test_not_met[name] if {
	some name, case in {
		"one of two": {"facts": {}, "quorum": 2},
		"one person twice": {"facts": by([approver, object.union(approver, {"groups": ["prod", "edge"]})]), "quorum": 2},
		"nobody": {"facts": by([]), "quorum": 1},
		"an approver of another group": {"facts": by([object.union(approver, {"groups": ["edge"]})]), "quorum": 1},
		"an operator": {"facts": by([object.union(approver, {"role": "operator"})]), "quorum": 1},
		"somebody without id": {"facts": by([object.union(admin, {"id": ""})]), "quorum": 1},
		"the agent's owner": {"facts": by([object.union(admin, {"id": "per_ada"})]), "quorum": 1},
		"a millisecond late": {"facts": {"call": {"time": {"unixMs": 1000001}}}, "quorum": 1},
		"another call": {"facts": {"call": {"digest": "sha256:changed"}}, "quorum": 1},
		"no digest": {"facts": {"call": {"digest": ""}, "approval": {"callDigest": ""}}, "quorum": 1},
		"pending": {"facts": {"approval": {"status": "pending"}}, "quorum": 1},
		"denied": {"facts": {"approval": {"status": "denied"}}, "quorum": 1},
		"expired": {"facts": {"approval": {"status": "expired"}}, "quorum": 1},
	}
	not met(case.facts, case.quorum)
}

test_requirement_is_the_strictest_asked_for if {
	found := requirement.of([{"quorum": 1}, {"quorum": 3}, {}]) with input as fixture.call("prod-agent", "secret.read", "prod-secret")
	found == {"groups": ["prod"], "roles": ["admin", "approver"], "quorum": 3, "useSeconds": 900}
}

test_requirement_names_no_more_groups_than_a_decision_may if {
	many := [format_int(number, 10) | some number in numbers.range(1, 300)]
	question := object.union(fixture.call("prod-agent", "secret.read", "prod-secret"), {"resource": {"groups": many}})
	found := requirement.of([{}]) with input as question
	count(found.groups) == 256
}

test_quorum_is_the_highest_asked_for_and_at_least_one[name] if {
	some name, case in {
		"nobody asks": {"asked": [], "quorum": 1},
		"no number": {"asked": [{}], "quorum": 1},
		"less than one": {"asked": [{"quorum": 0}], "quorum": 1},
		"one": {"asked": [{"quorum": 1}], "quorum": 1},
		"two and three": {"asked": [{"quorum": 2}, {"quorum": 3}], "quorum": 3},
	}
	required := requirement.of(case.asked) with input as fixture.call("prod-agent", "secret.read", "prod-secret")
	required.quorum == case.quorum
}
