const STATES = {
  failed: ['发现问题', 'findings'], error: ['执行出错', 'error'], passed: ['通过', 'passed'],
  not_applicable: ['无适用对象', 'not applicable'], not_run: ['本月无此类数据', 'no such data this month'],
  at_gate: ['发布门判定', 'judged at the gate'], pending: ['尚未接入', 'not yet wired'],
};
const TELL = {
  failed: ['有单元未通过；按等级阻断、隔离、提示或留痕', 'some units failed; by severity they block, are set aside, reported or kept as evidence'],
  error: ['规则未能执行，不算通过', 'the rule could not run; it does not count as passed'],
  passed: ['在下列数据上全部通过', 'all units passed on the data listed'],
  not_applicable: ['数据在，但没有它适用的单元', 'the data are there, but no unit it applies to'],
  not_run: ['已有代码，但本月没有它要检查的数据', 'the code is there, but this month has no data of its kind'],
  at_gate: ['对做好的候选及审定判定，结果不能写进被判定的文件里；用 edu check 查看，不通过即不能发布', 'judged on the finished candidate and its approvals, so the result cannot stand inside it: see edu check; a failure stops publication'],
  pending: ['规则手册中有，还没有代码判定', 'in the rule book, but no code judges it yet'],
};
const SEVERITY = { block: ['阻断', 'block'], quarantine: ['隔离', 'quarantine'], warn: ['提示', 'warn'], audit: ['留痕', 'audit'] };
const SHADE = { passed: '#4a93a8', failed: '#c05a2b', error: '#8a2f0c', not_applicable: '#cfd5dc', not_run: '#e0e4e9', at_gate: '#9bb4cf', pending: '#fff' };
const word = (table, key) => table[key] ? tr(...table[key]) : key || '—';
let only = '';

function trend(rule) {
  const known = rule.trend.filter(Boolean);
  if (known.length < 2) return h('span', { class: 'none' }, '—');
  const share = rule.trend.map(x => x && x[0] ? x[1] / x[0] : x ? 0 : null), top = Math.max(...share, 1e-9), n = share.length;
  const svg = s('svg', { class: 'spark', viewBox: '0 0 96 22', role: 'img', 'aria-label': D.months.map((m, i) => rule.trend[i] ? `${m} ${rule.trend[i][1]}/${rule.trend[i][0]}` : `${m} —`).join('; ') });
  share.forEach((v, i) => {
    const w = Math.min(12, 92 / n), x = 2 + i * w, height = v == null ? 2 : Math.max(2, 18 * v / top);
    svg.append(s('rect', { x: x + 1, y: 20 - height, width: w - 2, height, rx: 1, fill: v == null ? '#e3e6ea' : v > 0 ? '#e6a681' : '#a9cfd9' }, s('title', {}, `${D.months[i]}: ${rule.trend[i] ? count(rule.trend[i][1]) + ' / ' + count(rule.trend[i][0]) : '—'}`)));
  });
  return svg;
}
function results(rule) {
  const many = rule.results.length > 3;
  const lines = rule.results.map(([dataset, status, severity, tested, failed]) => h('div', {}, h('code', {}, dataset), ' ', h('span', { class: status === 'passed' ? 'up' : status === 'failed' || status === 'error' ? 'dn' : 'mu' }, failed ? `${count(failed)} / ${count(tested)}` : count(tested)), severity && severity !== rule.severity ? h('span', { class: 'mu' }, ' ' + word(SEVERITY, severity)) : ''));
  if (!many) return lines;
  const box = h('details', {}, h('summary', {}, tr(`${rule.results.length} 个数据集`, `${rule.results.length} datasets`)), lines);
  return [box];
}
function row(rule) {
  const tested = rule.results.reduce((a, r) => a + (r[3] || 0), 0), failed = rule.results.reduce((a, r) => a + (r[4] || 0), 0);
  return h('tr', { id: rule.id, 'data-state': rule.state },
    h('td', {}, h('a', { href: '#' + rule.id }, rule.id), h('div', { class: 'mu' }, word(SEVERITY, rule.severity))),
    h('td', {}, h('b', {}, L === 'zh' ? rule.title_zh || rule.id : rule.statement_en || rule.title_zh || rule.id), h('div', { class: 'mu' }, L === 'zh' ? rule.statement_zh || '' : rule.title_zh || '')),
    h('td', {}, rule.clause || '—', rule.owner_zh ? h('div', { class: 'mu' }, rule.owner_zh) : ''),
    h('td', {}, h('span', { class: 'state ' + rule.state, title: tr(...TELL[rule.state]) }, tr(...STATES[rule.state])), rule.why ? h('div', { class: 'mu' }, rule.why[L === 'zh' ? 0 : 1]) : rule.state === 'at_gate' || rule.state === 'not_run' ? h('div', { class: 'mu' }, tr(...TELL[rule.state])) : ''),
    h('td', { class: 'num', 'data-h': tr('检查单元', 'Units') }, tested ? [count(tested), failed ? h('div', { class: 'dn' }, count(failed) + tr(' 未通过', ' failed')) : ''] : '—'),
    h('td', {}, results(rule)),
    h('td', {}, trend(rule)));
}
function bar(rules) {
  const svg = s('svg', { viewBox: '0 0 100 6', preserveAspectRatio: 'none', 'aria-hidden': 'true' });
  let x = 0;
  for (const k of Object.keys(STATES)) {
    const n = rules.filter(r => r.state === k).length * 100 / rules.length;
    if (n) svg.append(s('rect', { x, y: .4, width: Math.max(0, n - .4), height: 5, fill: SHADE[k], stroke: k === 'pending' ? '#b8c0cc' : 'none', 'stroke-width': .4 }));
    x += n;
  }
  return svg;
}
const summary = rules => Object.keys(STATES).map(k => [k, rules.filter(r => r.state === k).length]).filter(x => x[1]).map(([k, n]) => `${tr(...STATES[k])} ${n}`).join(' · ');

function draw() {
  chrome();
  document.title = tr('全生命周期证据 ', 'Evidence ') + D.release;
  $('release').textContent = D.release.replace(/^v/, '');
  $('asof').textContent = D.asOf;
  $('lang').textContent = L === 'zh' ? 'EN' : '中文';
  $('lang').setAttribute('aria-label', L === 'zh' ? 'Switch to English' : '切换为中文');
  $('intro').textContent = tr(`共 ${D.rules.length} 条规则。本页由发布目录中的规则结果生成，只含计数和编号。没有运行的规则照实写明原因，不算通过。`, `${D.rules.length} rules. This page is made from the rule results in the release: counts and ids only. A rule that did not run says why and never counts as passed.`);
  $('sums').replaceChildren(...D.stages.map(stage => { const mine = D.rules.filter(r => r.stage === stage.id); return h('a', { class: 'sum num', href: '#stage-' + stage.id }, h('b', {}, nm(stage), ' ', mine.length), mine.length ? bar(mine) : '', h('span', { class: 'mu' }, summary(mine))); }));
  const states = Object.keys(STATES).filter(k => D.rules.some(r => r.state === k));
  $('filters').replaceChildren(h('button', { type: 'button', 'aria-pressed': only === '', onclick: () => { only = ''; draw(); } }, tr('全部', 'all'), ' ', D.rules.length), ...states.map(k => h('button', { type: 'button', 'aria-pressed': only === k, 'data-state': k, onclick: () => { only = only === k ? '' : k; draw(); } }, tr(...STATES[k]), ' ', D.rules.filter(r => r.state === k).length)));
  const visible = D.rules.filter(r => !only || r.state === only);
  $('found').textContent = only ? tr(`${visible.length} 条`, `${visible.length} rules`) : '';
  const heads = [['编号', 'Rule'], ['内容', 'Statement'], ['依据与责任', 'Clause and owner'], ['状态', 'State'], ['检查单元', 'Units'], ['数据集：未通过 / 检查', 'Dataset: failed / tested'], [`近 ${D.months.length} 月未通过率`, `Failed share, ${D.months.length} months`]];
  $('stages').replaceChildren(...D.stages.map(stage => {
    const mine = visible.filter(r => r.stage === stage.id);
    if (!mine.length) return '';
    const columns = h('colgroup', {}, ['c1', 'c2', 'c3', 'c4', 'c5', 'c6', 'c7'].map(c => h('col', { class: c })));
    return h('section', { class: 'panel long', id: 'stage-' + stage.id }, h('h2', {}, `${stage.zh} ${L === 'zh' ? '' : stage.en}`, h('small', {}, summary(mine))), h('table', { class: 'rules' }, columns, h('thead', {}, h('tr', {}, heads.map(x => h('th', { scope: 'col' }, tr(...x))))), h('tbody', {}, mine.map(row))));
  }));
  drawAcceptance();
  drawDecisions();
  $('disclosure').replaceChildren(h('table', {}, h('thead', {}, h('tr', {}, [['数据集', 'Mart', 'l'], ['行数', 'Rows'], ['最小人数', 'Minimum'], ['含保密的行', 'Rows with hidden cells']].map(([a, b, c]) => h('th', { class: c, scope: 'col' }, tr(a, b))))), h('tbody', {}, D.disclosure.map(m => h('tr', {}, h('td', { class: 'l w' }, nm(m), ' ', h('code', {}, m.mart)), h('td', { class: 'num' }, count(m.rows)), h('td', { class: 'num' }, m.min ?? '—'), h('td', { class: 'num' }, count(m.hidden)))))));
  $('foot').textContent = tr(`内容指纹 ${D.seal}，程序 ${D.code}。审定人签的是包括本页在内的整个候选，签名因此不能写在本页里，见 `, `Content hash ${D.seal}, code ${D.code}. The approvers sign the whole candidate, this page included, so their signatures cannot stand in it: see `);
  $('foot').append(h('a', { href: '../APPROVALS.json' }, 'APPROVALS.json'), tr('（发布后才有）。', ' (there once the release is published).'));
}
function drawAcceptance() {
  const a = D.acceptance, owner = code => D.owners[code] ? D.owners[code][L === 'zh' ? 0 : 1] : code;
  $('acceptsub').textContent = a.length ? tr(`${a.length} 份在用报送；只列账号，看起来不像账号的写作 *`, `${a.length} deliveries in force; account ids only, anything else is written *`) : tr('本版没有报送签署记录', 'This release holds no record of who signed deliveries');
  const groups = new Map();
  for (const x of a) { if (!groups.has(x[0])) groups.set(x[0], []); groups.get(x[0]).push(x); }
  $('accept').replaceChildren(...[...groups].map(([source, list]) => h('details', {}, h('summary', { class: 'num' }, h('code', {}, source), tr(`　${list.length} 份，${count(list.reduce((n, x) => n + (x[4] || 0), 0))} 行`, `  ${list.length} deliveries, ${count(list.reduce((n, x) => n + (x[4] || 0), 0))} rows`)),
    h('div', { class: 'scroll' }, h('table', {}, h('thead', {}, h('tr', {}, [['单位', 'Owner', 'l'], ['月份', 'Month'], ['版次', 'Version'], ['接收行', 'Rows'], ['填报', 'Prepared', 'l'], ['审核', 'Checked', 'l'], ['签发', 'Released', 'l'], ['收到', 'Received']].map(([x, y, c]) => h('th', { class: c, scope: 'col' }, tr(x, y))))),
      h('tbody', {}, list.map(x => h('tr', {}, h('td', { class: 'l' }, owner(x[1])), h('td', {}, x[2]), h('td', {}, x[3]), h('td', { class: 'num' }, count(x[4])), h('td', { class: 'l' }, x[5] || '—'), h('td', { class: 'l' }, x[6] || '—'), h('td', { class: 'l' }, x[7] || '—'), h('td', {}, x[8] || '—')))))))));
}
function drawDecisions() {
  const state = x => D.states[x] ? D.states[x][L === 'zh' ? 0 : 1] || x : x || '—';
  $('decisions').replaceChildren(D.decisions.length ? h('table', {}, h('thead', {}, h('tr', {}, [['来源', 'Source', 'l'], ['审核步骤', 'Step of review', 'l'], ['结果', 'New state', 'l'], ['账号', 'Account', 'l'], ['单位', 'Unit', 'l'], ['角色', 'Role', 'l'], ['报送包', 'Packages'], ['日期', 'Days']].map(([x, y, c]) => h('th', { class: c, scope: 'col' }, tr(x, y))))),
    h('tbody', {}, D.decisions.map(x => h('tr', {}, h('td', { class: 'l' }, h('code', {}, x[0])), h('td', { class: 'l' }, x[1]), h('td', { class: 'l' }, state(x[2])), h('td', { class: 'l' }, x[3] || '—'), h('td', { class: 'l' }, x[4] || '—'), h('td', { class: 'l' }, x[5] || '—'), h('td', { class: 'num' }, count(x[6])), h('td', {}, x[7] === x[8] ? x[7] : `${x[7]} – ${x[8]}`))))) : h('p', { class: 'sub' }, tr('本月没有分级审核记录；审定候选的签名见页末。', 'No steps of review are recorded for this month; for the approval of the candidate see the end of the page.')));
}
$('lang').addEventListener('click', () => { L = L === 'zh' ? 'en' : 'zh'; draw(); });
draw();
if (/^#[A-Za-z0-9-]+$/.test(location.hash)) document.getElementById(location.hash.slice(1))?.scrollIntoView();
