import { configSchema } from './config.schema.ts'

/** One setting, whatever its depth. */
export interface Setting {
  /** As in the documentation: `http.port`. */
  readonly key: string
  readonly path: readonly string[]
  /** Undefined for settings that only a file can hold. */
  readonly variable: string | undefined
  readonly schema: SettingSchema
}

export interface SettingSchema {
  readonly type?: string
  readonly enum?: readonly string[]
  readonly default?: unknown
  readonly description?: string
  readonly 'x-secret'?: true
  readonly 'x-path'?: true
  readonly 'x-file-only'?: true
  readonly properties?: { readonly [name: string]: SettingSchema }
}

/** Every setting in the order of the schema. */
export const settings: readonly Setting[] = leaves(configSchema, [])

function leaves(schema: SettingSchema, path: readonly string[]): Setting[] {
  if (schema.type === 'object' && schema.properties !== undefined && schema['x-file-only'] !== true) {
    return Object.entries(schema.properties).flatMap(([name, member]) => leaves(member, [...path, name]))
  }
  return [
    { key: path.join('.'), path, variable: schema['x-file-only'] === true ? undefined : variableOf(path), schema },
  ]
}

/** `http.publicUrl` becomes `CERTLOCKER_HTTP__PUBLIC_URL`. */
function variableOf(path: readonly string[]): string {
  return `CERTLOCKER_${path.map((name) => name.replace(/[A-Z]/g, '_$&').toUpperCase()).join('__')}`
}
