# METADATA
# title: A person approves what an agent does to production and what is risky
# description: >
#   Which risk level needs approval for which action in which environment is the table approvalRequired of the
#   configuration; a cell that is missing asks for approval. A certificate's private key always needs it. A resource
#   is exempt when every group of it is in approvalExemptGroups.
package certlocker.rules.approval

import data.certlocker.lib.reason

# METADATA
# title: An agent's access to a production resource needs approval
# description: >
#   What reaches production is looked at by a person first, as the table approvalRequired says for the risk level of
#   the agent.
# custom:
#   code: APPROVAL_PRODUCTION
#   severity: medium
#   remedy: Wait until an approver of the resource's group has decided, then repeat the same call.
require_approval contains _asked(reason.of(rego.metadata.rule(), {})) if {
	_in_table
	input.resource.environment == "production"
}

# METADATA
# title: An agent of risk level {risk} needs approval for this
# description: >
#   The table approvalRequired asks for a person also outside production, as the risk level of the agent rises; a cell
#   that is missing asks too.
# custom:
#   code: APPROVAL_RISK
#   severity: medium
#   remedy: Wait until an approver of the resource's group has decided, then repeat the same call.
require_approval contains _asked(reason.of(rego.metadata.rule(), {"risk": input.principal.riskLevel})) if {
	_in_table
	input.resource.environment != "production"
}

# METADATA
# title: A certificate's private key is handed out only with approval
# description: >
#   Whoever has the key can be the server. No risk level and no environment hands it out without a person, unless
#   every group of the certificate is exempt.
# custom:
#   code: APPROVAL_PRIVATE_KEY
#   severity: high
#   remedy: Wait until an approver of the certificate's group has decided, then repeat the same call.
require_approval contains _asked(reason.of(rego.metadata.rule(), {})) if {
	input.principal.kind == "agent"
	input.call.action == "certificate.read_key"
	not _exempt
}

# METADATA
# title: Access denied. This call was refused by an approver
# description: >
#   Somebody who may approve looked at exactly this call and said no. The refusal holds for the call, not for the
#   agent.
# custom:
#   code: APPROVAL_DENIED
#   severity: medium
#   remedy: Ask the approver for the reason. A changed call, or the same one later, opens a new approval.
deny contains reason.of(rego.metadata.rule(), {}) if {
	input.approval.status == "denied"
	input.approval.callDigest == input.call.digest
}

_in_table if {
	input.principal.kind == "agent"
	input.call.action in _gated
	not _exempt
	input.call.action in object.get(
		data.certlocker.config.approvalRequired,
		[input.principal.riskLevel, _environment],
		_gated,
	)
}

_gated := {"secret.read", "secret.use", "ssh.request"}

_environment := input.resource.environment if not _private_without_groups

# Such a secret lies in no environment; its owner alone answers for it.
_environment := "development" if _private_without_groups

_private_without_groups if {
	input.resource.kind == "private"
	count(input.resource.groups) == 0
}

_exempt if {
	count(input.resource.groups) > 0
	every group in input.resource.groups {
		group in data.certlocker.config.approvalExemptGroups
	}
}

_asked(stated) := object.union(stated, {"quorum": _quorum})

_quorum := object.get(data.certlocker.config.approvalQuorum, input.principal.riskLevel, 2)
