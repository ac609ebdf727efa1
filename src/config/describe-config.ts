import type { LoadedConfig } from './load-config.ts'
import { settings } from './setting.ts'
import { valueAt } from './tree.ts'

export interface DescribedSetting {
  readonly key: string
  /** `[redacted]` for credentials; null when not set. */
  readonly value: unknown
  /** `default`, the variable's name, or the file. */
  readonly origin: string
}

/** The settings in force and from where each came, fit to be printed. */
export function describeConfig({ config, origins }: LoadedConfig): readonly DescribedSetting[] {
  return settings.map(({ key, path }) => {
    const value = valueAt(config, path)
    return {
      key,
      value: value === undefined ? null : (JSON.parse(JSON.stringify(value)) as unknown),
      origin: origins.get(key) ?? 'default',
    }
  })
}

/** Every setting as a Markdown table: key, variable, default, description. */
export function configTable(): string {
  const rows = settings.map(({ key, variable, schema }) => {
    const fallback = schema.default === undefined ? '' : `\`${JSON.stringify(schema.default)}\``
    return `| \`${key}\` | ${variable === undefined ? 'file only' : `\`${variable}\``} | ${fallback} | ${schema.description ?? ''} |`
  })
  return ['| key | variable | default | |', '|---|---|---|---|', ...rows, ''].join('\n')
}
