import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

/** Headings of a page as the anchors that links name: lower case, words joined by hyphens, as GitHub makes them. */
function anchorsOf(text: string): Set<string> {
  const headings = text
    .replace(/```[\s\S]*?```/g, '')
    .split('\n')
    .filter((line) => /^#+ /.test(line));
  return new Set(
    headings.map((heading) =>
      heading
        .replace(/^#+ /, '')
        .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}

/** Checks that what pages lead to is there: relative links with their headings, named test files, and that README.md lists each page of docs/. @returns one sentence for each that is not. */
export function checkDocs(): string[] {
  const list = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '*.md'], {
    encoding: 'utf8',
  });
  const pages = list.split('\n').filter((path) => path !== '' && existsSync(path));
  const problems: string[] = [];
  for (const page of pages) {
    const text = readFileSync(page, 'utf8');
    for (const [, link = ''] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(link)) continue;
      const [path = '', anchor] = link.split('#', 2);
      const target = path === '' ? page : normalize(join(dirname(page), path));
      if (!existsSync(target)) problems.push(`${page}: ${link} leads nowhere`);
      else if (anchor !== undefined && !anchorsOf(readFileSync(target, 'utf8')).has(anchor))
        problems.push(`${page}: there is no heading for ${link}`);
    }
    for (const [, path = ''] of text.matchAll(/`((?:apps|packages|e2e|fuzz)\/[\w./-]+\.ts)`/g))
      if (!existsSync(path)) problems.push(`${page}: there is no file ${path}`);
  }
  const readme = readFileSync('README.md', 'utf8');
  for (const page of pages.filter((path) => /^docs\/[^/]+\.md$/.test(path)))
    if (!readme.includes(`](${page}`)) problems.push(`README.md does not name ${page}`);
  return problems;
}
