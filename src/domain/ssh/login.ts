const LOGIN = /^s-(ssh_[0-9a-z]{25})$/

/**
 * How the bastion ends a channel that it does not carry: as by this signal, with a message that is the fault's code behind a
 * mark. A host cannot imitate it: its own messages are not passed on.
 */
export const faultSignal = 'ABRT'
const FAULT_MARK = 'certlocker:'

export function faultMessage(code: string): string {
  return `${FAULT_MARK}${code}`
}

/** @returns the code in such a message; undefined for any other */
export function codeInMessage(message: string): string | undefined {
  return message.startsWith(FAULT_MARK) ? message.slice(FAULT_MARK.length) : undefined
}

/** The user name with which a session is opened at the bastion; its ticket is the password. */
export function loginOf(sessionId: string): string {
  return `s-${sessionId}`
}

/** @returns the session that a user name stands for; undefined for any other user name */
export function sessionOfLogin(login: string): string | undefined {
  return LOGIN.exec(login)?.[1]
}
