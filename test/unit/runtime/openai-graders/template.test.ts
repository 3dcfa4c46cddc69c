import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  checkTemplate,
  maxRenderedLength,
  maxTemplateLength,
  renderTemplate,
} from '../../../../src/runtime/openai-graders/template.ts'

const item = JSON.parse(`{
  "a": { "b": ["first", { "c": 2.5 }], "with-hyphen": true, "a name": "spaced" },
  "nothing": null, "zero": 0, "empty": "", "größe": "umlaut", "list": [],
  "__proto__": { "own": "a field of the row" }, "constructor": "a word"
}`)
const sample = {
  output_text: 'forty-two',
  output_json: { x: { y: 1 } },
  output_tools: [{ type: 'function', function: { name: 'search', arguments: '{"query":"a"}' } }],
  output_reasoning_summary: null,
}
const render = (template: string) => renderTemplate(template, { item, sample })
const missing = (template: string) => {
  const rendered = render(template)
  return rendered.ok ? `rendered: ${rendered.text}` : rendered.reason
}

describe('a template', () => {
  it.each([
    ['{{item.a.b[0]}}', 'first'],
    ['{{sample.output_text}}', 'forty-two'],
    ['{{ sample.output_json.x }}', '{"y":1}'],
    ['{{sample.output_tools[0].function.name}}', 'search'],
    ['{{\n\titem.a.b[1].c\n}}', '2.5'],
    ['{{item.a.with-hyphen}}', 'true'],
    ['{{item.a["a name"]}}', 'spaced'],
    ["{{item['a'].b[0]}}", 'first'],
    ['{{item.größe}}', 'umlaut'],
    ['{{item.zero}} {{item.nothing}} [{{item.empty}}] {{item.list}}', '0 null [] []'],
    ['no braces', 'no braces'],
    ['', ''],
    ['{"smiles": "{{item.a.b[0]}}"}', '{"smiles": "first"}'],
    ['{"a":{"b":{{item.zero}}}}', '{"a":{"b":0}}'],
    ['{{{item.zero}}}', '{0}'],
    ['\\boxed{ {{item.zero}}{{item.zero}}', '\\boxed{ 00'],
    ['{"a": {"b": 1}} {{item.zero}}', '{"a": {"b": 1}} 0'],
  ])('%j renders as %j', (template, text) => {
    expect(checkTemplate(template)).toEqual([])
    expect(render(template)).toEqual({ ok: true, text })
  })

  it('does not render templates inside values', () => {
    const rendered = renderTemplate('{{item.a}}', { item: { a: '{{item.secret}}', secret: 'x' }, sample })
    expect(rendered).toEqual({ ok: true, text: '{{item.secret}}' })
  })

  it.each([
    ['{{item.label}}', 'item.label is missing: item has no "label"'],
    ['{{item.a.b[7]}}', 'item.a.b[7] is missing: item.a.b has 2 elements'],
    ['{{item.a.b.c}}', 'item.a.b.c is missing: item.a.b is a list, whose elements are written item.a.b[0]'],
    ['{{item.a[0]}}', 'item.a[0] is missing: item.a is an object, not a list'],
    ['{{item.zero.toFixed}}', 'item.zero.toFixed is missing: item.zero is a number'],
    ['{{item.nothing.x}}', 'item.nothing.x is missing: item.nothing is null'],
    [
      '{{sample.output_reasoning_summary}}',
      'sample.output_reasoning_summary is missing: sample.output_reasoning_summary is null',
    ],
    ['{{item.x}} {{item.y}} {{item.x}}', 'item.x is missing: item has no "x"; item.y is missing: item has no "y"'],
  ])('names what is missing in %j', (template, reason) => {
    expect(checkTemplate(template)).toEqual([])
    expect(missing(template)).toBe(reason)
  })

  it('has no item if none was given', () => {
    expect(renderTemplate('{{item.x}}', { item: undefined, sample })).toMatchObject({
      why: 'missing',
      reason: 'item.x is missing: there is no item',
    })
  })

  it('reads own fields of JSON and nothing inherited', () => {
    expect(render('{{item.__proto__.own}} {{item.constructor}}')).toEqual({
      ok: true,
      text: 'a field of the row a word',
    })
    for (const path of [
      'item.a.__proto__',
      'item.a.constructor',
      'item.a.constructor.prototype',
      'item.a.b.length',
      'item.a.b["length"]',
      'item.a.b.map',
      'item.toString',
      'item.a.hasOwnProperty',
      'sample.__proto__.polluted',
      'sample.output_text.length',
      'sample.output_text[0]',
    ]) {
      expect(missing(`{{${path}}}`)).toContain(`${path} is missing`)
    }
  })
})

describe('checking a template', () => {
  it.each([
    ['a {{item.x', 2, 'this "{{" is never closed by "}}"'],
    ['a {{item.x} b', 2, 'this "{{" is never closed by "}}"'],
    ['{{item.a {{item.b}}', 0, 'this "{{" is never closed by "}}"'],
    ['a item.x}} b', 8, 'this "}}" closes nothing'],
    ['{item.x}}', 7, 'this "}}" closes nothing'],
    ['{"a": 1}} b', 7, 'this "}}" closes nothing'],
    ['{ item.x }', 0, '"{item.x}" has single braces where it needs two'],
    ['{{}}', 0, 'there is no path between the braces'],
    ['{{item}}', 0, '"item" names no field of the item'],
    ['{{ answer }}', 0, '"answer" begins with neither "item." nor "sample."'],
    ['{{items.x}}', 0, '"items.x" begins with neither "item." nor "sample."'],
    ['{{item.x | upper}}', 0, '"item.x | upper" is not a valid path from its character 7 on'],
    ['{{item.x[-1]}}', 0, '"item.x[-1]" is not a valid path from its character 7 on'],
    ['{{item..x}}', 0, '"item..x" is not a valid path from its character 5 on'],
    ['{{item.x()}}', 0, '"item.x()" is not a valid path from its character 7 on'],
    ['{{{{item.x}}}}', 0, '4 opening braces in a row'],
  ])('finds the problem of %j', (template, at, message) => {
    expect(checkTemplate(template)[0]).toEqual({ at, message })
    expect(render(template)).toMatchObject({ ok: false, why: 'malformed', reason: expect.stringContaining(message) })
  })

  it('limits the length of templates, paths and steps', () => {
    expect(checkTemplate('a'.repeat(maxTemplateLength))).toEqual([])
    expect(checkTemplate('a'.repeat(maxTemplateLength + 1))).toHaveLength(1)
    expect(checkTemplate(`{{item.${'a'.repeat(2_000)}}}`)).toHaveLength(1)
    expect(checkTemplate(`{{item${'.a'.repeat(65)}}}`)[0]?.message).toContain('64 steps')
  })

  it('renders no text beyond its limit', () => {
    const long = { item: { a: 'a'.repeat(maxRenderedLength / 10) }, sample }
    expect(renderTemplate('{{item.a}}'.repeat(10), long)).toMatchObject({ ok: true })
    expect(renderTemplate('{{item.a}}'.repeat(11), long)).toMatchObject({ ok: false, why: 'too_long' })
  })
})

describe('any template', () => {
  const fragment = fc.constantFrom(
    '{',
    '}',
    '{{',
    '}}',
    '{{{',
    'item.a',
    'sample.output_text',
    ' ',
    'x',
    '[0]',
    '"',
    '.',
  )

  it('is rendered completely or not at all, and never throws', () => {
    fc.assert(
      fc.property(fc.array(fragment, { maxLength: 30 }), (fragments) => {
        const template = fragments.join('')
        const rendered = render(template)
        if (rendered.ok) expect(checkTemplate(template)).toEqual([])
        else expect(rendered.reason).not.toBe('')
      }),
    )
  })

  it('renders exactly the values, in the unchanged text', () => {
    const text = fc.string().map((one) => one.replaceAll(/[{}]/gu, ''))
    fc.assert(
      fc.property(text, fc.jsonValue(), text, (before, value, after) => {
        const rendered = renderTemplate(`${before}{{item.v}}${after}`, { item: { v: value }, sample })
        const expected = typeof value === 'string' ? value : JSON.stringify(value)
        expect(rendered).toEqual({ ok: true, text: `${before}${expected}${after}` })
      }),
    )
  })

  it('is parsed in linear time, however hostile', () => {
    for (const hostile of ['{', '}', '{{', '}}', '{ ', '{{ ', '{{item.a', '{{item.a}', '{{item["', '{item.a}']) {
      checkTemplate(hostile.repeat(Math.floor(maxTemplateLength / hostile.length)))
    }
    expect(checkTemplate(`{{item.a${' '.repeat(900)}!}}`)).toHaveLength(1)
  })
})
