package certlocker.rules.sequence_test

import data.certlocker.fixture_test as fixture
import data.certlocker.rules.sequence

question(reads, groups) := object.union(
	fixture.call("edge-agent", "probe.create", "none"),
	{
		"resource": {"type": "probe", "name": "edge.example.com:443", "groups": groups},
		"history": {"hour": {"productionReads": reads}},
	},
)

test_sequence[name] if {
	some name, case in {
		"nothing read": {"reads": 0, "groups": [], "codes": set()},
		"read, and registered": {"reads": 1, "groups": ["edge"], "codes": set()},
		"read, and unregistered": {"reads": 1, "groups": [], "codes": {"SEQUENCE_PROBE_AFTER_READ"}},
		"read, and another group's": {"reads": 1, "groups": ["prod"], "codes": {"SEQUENCE_PROBE_AFTER_READ"}},
	}
	found := fixture.codes(sequence.deny) with input as question(case.reads, case.groups)
	found == case.codes
}

test_silent[name] if {
	some name, asked in {
		"to people": object.union(question(1, []), {"principal": {"kind": "person"}}),
		"about anything else": object.union(question(1, []), {"call": {"action": "secret.read"}}),
	}
	found := sequence.deny with input as asked
	found == set()
}
