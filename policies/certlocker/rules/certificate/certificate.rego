# METADATA
# title: A certificate's names lie within the domains of its groups
# description: >
#   Decided on the names of the request that goes to the certificate authority, for agents, people and the gateway's own
#   renewals alike. A name is permitted as it stands there, or by `*.` in front of what follows its first label; a wildcard
#   only by itself.
package certlocker.rules.certificate

import data.certlocker.lib.reason

# METADATA
# title: Access denied. Names [{names}] lie outside the domains of groups [{groups}]
# description: A group's domains are what its certificates may be for. A name of another group, or one that nobody was given, is not issued.
# custom:
#   code: DOMAIN_NOT_ALLOWED
#   severity: high
#   remedy: Ask for names within the group's domains, or an admin to add the names to the domains of the group.
deny contains reason.of(rego.metadata.rule(), details) if {
	input.call.action in {"certificate.create", "certificate.renew", "certificate.request", "certificate.update"}
	outside := {name | some name in input.derived.domains; not _permitted(name)}
	count(outside) > 0
	details := {"names": sort(outside), "groups": sort(input.resource.groups)}
}

_permitted(name) if name in input.resource.domains

# For a wildcard this is the wildcard itself.
_permitted(name) if {
	first := indexof(name, ".")
	first > 0
	concat("", ["*", substring(name, first, -1)]) in input.resource.domains
}
