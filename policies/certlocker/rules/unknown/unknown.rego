# METADATA
# title: What a call names must exist
# description: >
#   Only agents are answered here; people meet a missing name as 404. Another owner's private secret is answered in the
#   very same words, so that nobody learns its name.
package certlocker.rules.unknown

import data.certlocker.lib.caller
import data.certlocker.lib.reason

# METADATA
# title: Access denied. No {type} of that name is available
# description: >
#   There is no resource of this type and name, or none that the agent may know of; both are answered alike.
# custom:
#   code: RESOURCE_UNKNOWN
#   severity: low
#   remedy: Ask for the resources that are allowed (certlocker_list_allowed_resources) and use a name from that list.
deny contains reason.of(rego.metadata.rule(), {"type": input.resource.type}) if {
	input.principal.kind == "agent"
	input.resource.type != ""
	input.resource.name != ""
	input.call.action != "probe.create"
	_unavailable
}

_unavailable if not input.resource.exists

_unavailable if caller.resource_hidden
