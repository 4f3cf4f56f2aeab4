/* Priors over the count as continuation probabilities, as in priors.py. */

/** The continuation probabilities (T) of the priors, by the name that a config gives them. */
export const PRIORS = {
  /** P(n) proportional to p_more^n for n = 0..T. */
  truncated_geometric(pMore, maxSteps) {
    const atLeast = [];
    let sum = 0;
    for (let n = maxSteps; n >= 0; n--) atLeast[n] = sum += pMore ** n;
    return atLeast.slice(1).map((value, t) => value / atLeast[t]);
  },
  /** p_more at each of the T steps. */
  bernoulli_chain: (pMore, maxSteps) => Array(maxSteps).fill(pMore),
};

/** log P(n) for n = 0..T from logs of going on and of stopping at each of the T steps. */
export function logCount(logMore, logStop) {
  const logs = [];
  let reach = 0;
  for (let n = 0; n <= logMore.length; n++) {
    logs.push(reach + (n < logStop.length ? logStop[n] : 0));
    reach += n < logMore.length ? logMore[n] : 0;
  }
  return logs;
}
