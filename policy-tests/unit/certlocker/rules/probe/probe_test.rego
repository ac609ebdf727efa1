package certlocker.rules.probe_test

import data.certlocker.fixture_test as fixture
import data.certlocker.rules.probe

question(url, groups) := object.union(
	fixture.call("edge-agent", "probe.create", "none"),
	{
		"resource": {"type": "probe", "name": "edge.example.com:443", "exists": count(groups) > 0, "groups": groups},
		"derived": {"url": object.union({"scheme": "tls", "host": "edge.example.com", "port": 443, "ipClass": "public"}, url)},
	},
)

test_probe[name] if {
	some name, case in {
		"registered and public": {"url": {}, "groups": ["edge"], "why": set()},
		"registered in an opened network": {"url": {"ipClass": "private_permitted"}, "groups": ["edge"], "why": set()},
		"registered and not to be found": {"url": {"ipClass": "unresolved"}, "groups": ["edge"], "why": set()},
		"registered elsewhere": {"url": {}, "groups": ["prod"], "why": {"is not registered in a group of this agent"}},
		"registered nowhere": {"url": {}, "groups": [], "why": {"is not registered in a group of this agent"}},
		"not canonical": {"url": {"host": ""}, "groups": ["edge"], "why": {"is not an https URL or host:port in canonical form"}},
	}
	found := probe.deny with input as question(case.url, case.groups)
	{one.details.why | some one in found} == case.why
}

test_address_never_reached[class] if {
	some class in ["private", "loopback", "link_local", "metadata", "multicast", "reserved", ""]
	found := probe.deny with input as question({"ipClass": class}, ["edge"])
	{one.title | some one in found} == {"Access denied. The probe target lies at an address that must not be probed"}
}

test_unregistered_where_the_operator_lets_them if {
	found := probe.deny with input as question({}, [])
		with data.certlocker.config.probeUnregisteredTargets as true
	found == set()
}

test_silent[name] if {
	some name, asked in {
		"to people": object.union(question({}, []), {"principal": {"kind": "person"}}),
		"about reading": object.union(question({}, []), {"call": {"action": "probe.read"}}),
	}
	found := probe.deny with input as asked
	found == set()
}
