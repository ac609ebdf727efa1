/** The part of the configuration that says who outside is told of approvals. */
export const notificationsSchema = {
  type: 'object',
  additionalProperties: false,
  default: {},
  properties: {
    webhook: {
      type: 'object',
      additionalProperties: false,
      required: ['url', 'secret'],
      properties: {
        url: {
          type: 'string',
          pattern: '^https?://[^@/]+(/[^@]*)?$',
          'x-secret': true,
          description: 'Where approvals are announced by POST; https, except on this machine',
        },
        secret: {
          type: 'string',
          minLength: 24,
          'x-secret': true,
          description: 'Key of the signature: `whsec_` and base64, or any text',
        },
      },
    },
  },
} as const
