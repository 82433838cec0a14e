/* What a bundler's plugin does of a component: as little of it as the examples take. */
import { compile as compileSvelte } from 'svelte/compiler'
import { compileScript, parse } from 'vue/compiler-sfc'

export function components() {
  return {
    name: 'components',
    transform(source: string, id: string, { ssr = false } = {}) {
      if (id.endsWith('.vue')) {
        const { descriptor } = parse(source, { filename: id })
        return { code: compileScript(descriptor, { id, inlineTemplate: true, templateOptions: { ssr: false } }).content }
      }
      if (id.endsWith('.svelte')) {
        return { code: compileSvelte(source, { filename: id, generate: ssr ? 'server' : 'client' }).js.code }
      }
      return undefined
    },
  }
}
