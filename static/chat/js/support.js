// Finding in a passage the sentences that a statement rests on, by the words they share.

const SENTENCE = /[^.!?\n]+(?:[.!?]+(?=\s|$)|\n|$)|[^\n]+?(?:[.!?]+(?=\s|$)|\n|$)/gu;
const CITATIONS = /(?:\s*\[\d+\])+/g;
const WORD = /[\p{L}\p{N}]+/gu;
const ENOUGH_SHARED = 0.34;

/** The passage as pieces `{text, marked}`, those marked that best support one of `statements`. */
export function markedPieces(passage, statements) {
  const sentences = passage.match(SENTENCE) ?? [passage];
  const words = sentences.map(wordsOf);
  const marked = new Set();
  for (const statement of statements) {
    const wanted = wordsOf(statement);
    const shares = words.map((present) => shared(wanted, present));
    const best = Math.max(0, ...shares);
    if (best >= ENOUGH_SHARED) marked.add(shares.indexOf(best));
  }
  return sentences.map((text, index) => ({ text, marked: marked.has(index) }));
}

/** The sentences of `answer` that source `number` stands for: those before its citation, back to the one before. */
export function statementsCiting(answer, number) {
  const statements = [];
  for (const paragraph of answer.split(/\n+/)) {
    let from = 0;
    for (const { 0: citations, index } of paragraph.matchAll(CITATIONS)) {
      if (citations.includes(`[${number}]`)) statements.push(...(paragraph.slice(from, index).match(SENTENCE) ?? []));
      from = index + citations.length;
    }
  }
  return statements;
}

const wordsOf = (text) =>
  new Set((text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase().match(WORD) ?? []).filter((word) => word.length > 2 || /\d/.test(word)));

/** Share of the words of both, so that neither a long sentence nor a short one wins by its length. */
function shared(wanted, present) {
  if (!wanted.size || !present.size) return 0;
  const common = [...wanted].filter((word) => present.has(word)).length;
  return (2 * common) / (wanted.size + present.size);
}
