# METADATA
# title: What an approval must be to count
# description: >
#   An approval is a fact for a second evaluation, never an override. It counts for exactly the call that it was given
#   for, in its time, and only by people who may approve for the resource under the policy that is active now.
package certlocker.lib.requirement

import data.certlocker.lib.caller

# METADATA
# title: The requirement of all the rules that ask
of(asked) := {
	"groups": array.slice(sort(caller.resource_groups), 0, _groups_max),
	"roles": sort(_roles),
	"quorum": max({1} | {object.get(one, "quorum", 1) | some one in asked}),
	"useSeconds": data.certlocker.config.approvalUseSeconds,
}

# As many as a decision may name.
_groups_max := 256

# METADATA
# title: The requirement of a decision that asks for none
none := {"groups": [], "roles": [], "quorum": 0, "useSeconds": 0}

# METADATA
# title: The approval given meets the requirement
met(required) if {
	input.approval.status == "approved"
	input.approval.callDigest == input.call.digest
	input.call.digest != ""
	input.call.time.unixMs <= input.approval.useBeforeUnixMs
	count(_approvers) >= required.quorum
}

_roles := {"admin", "approver"}

# The agent's owner never approves for the agent.
_approvers contains approver.id if {
	some approver in input.approval.approvers
	approver.id != ""
	approver.id != input.principal.owner
	_may_approve(approver)
}

_may_approve(approver) if approver.role == "admin"

_may_approve(approver) if {
	approver.role == "approver"
	some group in approver.groups
	group in caller.resource_groups
}
