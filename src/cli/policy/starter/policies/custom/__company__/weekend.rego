package custom.__company__

# METADATA
# title: Access denied. Production secrets are not read at the weekend
# description: >
#   An example to replace. Releases rest from Saturday to Sunday, so an agent that reads a production secret then was not
#   asked to by a release.
# custom:
#   code: __COMPANY___WEEKEND
#   severity: medium
#   remedy: Repeat the call on Monday, or ask an operator to take the rule out for the time of an emergency.
deny contains _reason(rego.metadata.rule()) if {
	input.principal.kind == "agent"
	input.call.action == "secret.read"
	input.resource.environment == "production"
	input.call.time.weekday in {"saturday", "sunday"}
}
