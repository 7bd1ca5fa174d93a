/** URL templates of discovery tags (appc X3, X9: RFC 6570, simple expansion). */

/** What a template is filled with: `name`, and the labels, `version`, `os` and `arch` among them. */
export type TemplateValues = ReadonlyMap<string, string>;

const MAX_URL_LENGTH = 4096;
/** What URLs resolve (`%2e` is a dot to them): a label would lead out of the directory that the template names. */
const DOT_SEGMENT = /\/(?:\.|%2e){1,2}(?:[/?#]|$)/i;
const VARIABLE = /\{([^{}]*)\}/g;

/**
 * The URL of the image (`aci`) or of its signature (`aci.asc`), or undefined if the template has no `{ext}`, has a variable
 * that nothing is known of, or makes no http or https URL.
 */
export function expandTemplate(template: string, values: TemplateValues, ext: 'aci' | 'aci.asc'): URL | undefined {
  if (!template.includes('{ext}')) return undefined;
  let known = true;
  const text = template.replace(VARIABLE, (_, variable: string) => {
    const value = variable === 'ext' ? ext : values.get(variable);
    if (value === undefined) known = false;
    return encoded(value ?? '', variable);
  });
  if (!known || text.length > MAX_URL_LENGTH || /[{}\s]/.test(text) || DOT_SEGMENT.test(text)) return undefined;
  return webUrl(text);
}

/** An absolute http or https URL without user and password. */
export function webUrl(text: string): URL | undefined {
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) return undefined;
  const url = new URL(text);
  return url.username === '' && url.password === '' ? url : undefined;
}

/** The components of a name become those of a path, as in the specification's examples; a label stays one component. */
const encoded = (value: string, variable: string): string =>
  variable === 'name' ? value.split('/').map(component).join('/') : component(value);

const component = (value: string): string =>
  encodeURIComponent(value).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
