export type Body = { readonly [name: string]: unknown }

export interface Answer {
  readonly status: number
  readonly body: Body
  readonly headers: Headers
}

export interface RestClient {
  get(path: string): Promise<Answer>
  post(path: string, body?: Body): Promise<Answer>
  patch(path: string, body: Body): Promise<Answer>
  delete(path: string): Promise<Answer>
  /** As `post`, for set-up: fails the test with the answer when it is not a success. */
  create(path: string, body: Body): Promise<Body>
}

/** The REST API under `/api/v1` with one bearer. Bodies that are not JSON come back under `text`. */
export function restClient(url: string, bearer: string): RestClient {
  const call = async (method: string, path: string, body?: Body): Promise<Answer> => {
    const response = await fetch(`${url}/api/v1${path}`, {
      method,
      headers: {
        authorization: `Bearer ${bearer}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    return { status: response.status, headers: response.headers, body: parsed(text) }
  }
  return {
    get: (path) => call('GET', path),
    post: (path, body = {}) => call('POST', path, body),
    patch: (path, body) => call('PATCH', path, body),
    delete: (path) => call('DELETE', path),
    async create(path, body) {
      const answer = await call('POST', path, body)
      if (answer.status >= 300)
        throw new Error(`POST ${path} answered ${answer.status}: ${JSON.stringify(answer.body)}`)
      return answer.body
    },
  }
}

function parsed(text: string): Body {
  try {
    return JSON.parse(text) as Body
  } catch {
    return { text }
  }
}
