package certlocker.rules.certificate_test

import data.certlocker.fixture_test as fixture
import data.certlocker.rules.certificate

test_certificate[name] if {
	some name, case in {
		"the very name": {"names": ["edge.example.com"], "codes": set()},
		"a label below a wildcard": {"names": ["a.apps.example.com"], "codes": set()},
		"the wildcard that is listed": {"names": ["*.apps.example.com"], "codes": set()},
		"no name at all": {"names": [], "codes": set()},
		"another name": {"names": ["www.example.com"], "codes": {"DOMAIN_NOT_ALLOWED"}},
		"one of two": {"names": ["edge.example.com", "www.example.com"], "codes": {"DOMAIN_NOT_ALLOWED"}},
		"a wildcard without right": {"names": ["*.edge.example.com"], "codes": {"DOMAIN_NOT_ALLOWED"}},
		"a wildcard above": {"names": ["*.example.com"], "codes": {"DOMAIN_NOT_ALLOWED"}},
		"two labels below a wildcard": {"names": ["a.b.apps.example.com"], "codes": {"DOMAIN_NOT_ALLOWED"}},
		"the parent of a wildcard": {"names": ["apps.example.com"], "codes": {"DOMAIN_NOT_ALLOWED"}},
		"a name that only ends alike": {"names": ["evil-edge.example.com"], "codes": {"DOMAIN_NOT_ALLOWED"}},
		"a name without labels": {"names": ["localhost"], "codes": {"DOMAIN_NOT_ALLOWED"}},
		"an empty label": {"names": [".apps.example.com"], "codes": {"DOMAIN_NOT_ALLOWED"}},
	}
	every action in ["certificate.request", "certificate.create", "certificate.renew", "certificate.update"] {
		found := fixture.codes(certificate.deny) with input as _question(action, case.names)
		found == case.codes
	}
}

test_reading_is_not_its_matter if {
	found := certificate.deny with input as _question("certificate.read", ["www.example.com"])
	found == set()
}

_question(action, names) := object.union(fixture.call("dev-agent", action, "dev-certificate"), {
	"resource": {"domains": ["edge.example.com", "*.apps.example.com"]},
	"derived": {"domains": names},
})
