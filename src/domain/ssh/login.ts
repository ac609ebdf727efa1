const LOGIN = /^s-(ssh_[0-9a-z]{25})$/

/** The signal name with which the bastion ends a channel that it does not carry; the message is the fault's code. */
export const faultExit = 'fault@certlocker'

/** The user name with which a session is opened at the bastion; its ticket is the password. */
export function loginOf(sessionId: string): string {
  return `s-${sessionId}`
}

/** @returns the session that a user name stands for; undefined for any other user name */
export function sessionOfLogin(login: string): string | undefined {
  return LOGIN.exec(login)?.[1]
}
