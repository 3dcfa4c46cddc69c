import { type SQL, sql } from 'drizzle-orm'

/**
 * The searchable form of a text: lower case, `1,234` as `1234`, and no punctuation except the decimal point, because
 * Postgres's parser reads `u.s` as a host name and treats `-5` and `5` as different words. `2019s` is how the public
 * FinQA texts write ’s.
 */
const plain = (text: SQL): SQL => sql`
  regexp_replace(
    regexp_replace(
      regexp_replace(lower(${text}), '(\\d),(?=\\d)', '\\1', 'g'),
      '\\m2019s\\M|[!-,/:-@[-\`{-~–—‘’“”•…-]', ' ', 'g'),
    '(?<!\\d)[.]|[.](?!\\d)', ' ', 'g')`

/**
 * The words of a text in order, as a table expression with the columns `word` and `position`: stemmed, without stop
 * words.
 *
 * @param text an SQL expression of type text, of at most about 500 kB.
 */
export const wordsOf = (text: SQL): SQL => sql`(
  select lexeme as word, position
  from unnest(to_tsvector('pg_catalog.english', ${plain(text)})) as lexemes(lexeme, positions, weights),
    unnest(positions) as places(position)
)`
