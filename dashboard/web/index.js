const R = D.regions, S = D.series, T = D.times.length;
const PROVISIONAL = 1, HIDDEN = 2, ROUNDED = 4, MISSING = 8, MET = 16;
const at = (r, t) => r * T + t;
const index = new Map(R.map((r, i) => [r.l + r.c, i]));
const levelRows = l => R.map((r, i) => i).filter(i => R[i].l === l);
const counties = levelRows('county'), prefectures = levelRows('prefecture'), sets = levelRows('set');
const province = R.findIndex(r => r.l === 'province');
for (const o of S) o.flag = Array.from(o.f, ch => parseInt(ch, 36));
const has = (o, r, t, bit) => r >= 0 && (o.flag[at(r, t)] & bit) > 0;
const val = (o, r, t) => r < 0 ? null : o.v[at(r, t)];
const dirty = { sort: { col: -1, dir: 1 } };
const st = { t: Math.max(0, T - 1), k: 0, c: counties[0] ?? 0, l: 'county', x: -1 };

const fx = (o, v) => v == null ? '—' : o.dec ? v.toFixed(o.dec) : count(Math.round(v));
const shown = (o, r, t) => has(o, r, t, HIDDEN) ? tr('保密', 'conf.') : fx(o, val(o, r, t));
const marked = (o, r, t) => shown(o, r, t) + (val(o, r, t) != null && has(o, r, t, PROVISIONAL) ? '*' : '');
const unit = o => o.u[L === 'zh' ? 0 : 1];
const place = r => nm(R[r]);
const brief = r => L === 'zh' ? R[r].s || R[r].zh : R[r].en;
const prefectureOf = r => prefectures.find(p => R[p].c === R[r].p);
const when = t => D.times[t];
const whenLong = t => D.times[t].length > 4 ? tr(`${D.times[t]}，月度快报`, `${D.times[t]}, monthly, provisional`) : tr(`${D.times[t]}–${+D.times[t] + 1} 学年`, `School year ${D.times[t]}–${+D.times[t] + 1}`);
const gap = (o, r, t) => { const v = val(o, r, t); return v == null || !o.target ? null : o.dir === 'down' ? o.target.v - v : v - o.target.v; };
const met = (o, r, t) => has(o, r, t, MET);
const goal = o => o.target ? fx(o, o.target.v) : '';

// One unit of colour: the 85th percentile of the gaps of all counties over all times, so that colours compare over time.
for (const o of S) {
  const g = [];
  if (o.target) for (const r of counties) for (let t = 0; t < T; t++) { const x = gap(o, r, t); if (x != null) g.push(Math.abs(x)); }
  g.sort((a, b) => a - b);
  o.scale = g.length ? Math.max(g[Math.floor(g.length * .85)], Math.pow(10, -o.dec)) : 1;
  o.range = [Infinity, -Infinity];
  for (const r of counties) for (let t = 0; t < T; t++) { const v = val(o, r, t); if (v != null) { o.range[0] = Math.min(o.range[0], v); o.range[1] = Math.max(o.range[1], v); } }
}
const BAD = ['#f7e4d7', '#e6a681', '#c05a2b'], GOOD = ['#e3eff2', '#a9cfd9', '#4a93a8'], BLUE = ['#f7f9fb', '#edf2f7', '#e0e9f2', '#cfdcea', '#b7cbe0'];
const DEEP = new Set(['#c05a2b', '#4a93a8']), PALE = new Set(['#f7e4d7', '#e3eff2', ...BLUE]);
function colour(o, r, t) {
  const v = val(o, r, t);
  if (v == null) return null;
  const g = gap(o, r, t);
  if (g == null) { const [a, b] = o.range; return BLUE[b > a ? Math.min(4, Math.floor((v - a) / (b - a) * 5)) : 0]; }
  const q = Math.abs(g) / o.scale, step = q < .5 ? 0 : q < 1 ? 1 : 2;
  return (met(o, r, t) ? GOOD : BAD)[step];
}
const ink = c => DEEP.has(c) ? '#fff' : '#1c2430';
const strong = c => ({ '#f7e4d7': '#d98a5c', '#e3eff2': '#6fabbd', '#f7f9fb': '#a9bfd6', '#edf2f7': '#9bb4cf', '#e0e9f2': '#86a4c5', '#cfdcea': '#6f92b8', '#b7cbe0': '#5b82ad' })[c] || c;
const tone = (o, r, t) => val(o, r, t) == null || !o.target ? '' : met(o, r, t) ? 'up' : 'dn';

function spark(o, r, w, hgt, also = []) {
  const get = i => Array.from({ length: T }, (_, t) => val(o, i, t));
  const lines = [...also.map(a => ({ ...a, v: get(a.r) })), { c: '#1d4e89', w: 2, v: get(r) }];
  const all = lines.flatMap(l => l.v).concat(o.target ? [o.target.v] : []).filter(v => v != null);
  const svg = s('svg', { class: 'spark', viewBox: `0 0 ${w} ${hgt}`, 'aria-hidden': 'true' });
  if (!all.length) { svg.append(s('text', { x: 2, y: hgt / 2 + 4, 'font-size': 11, fill: '#98a2b3' }, has(o, r, st.t, HIDDEN) ? tr('保密', 'confidential') : tr('没有数据', 'no data'))); return svg; }
  let lo = Math.min(...all), hi = Math.max(...all);
  // A tenth of a point must not look like a fall: the scale spans at least two points, or a tenth of the value.
  const least = o.u[0] === '%' ? 2 : Math.max(Math.abs(hi) * .1, 1e-6);
  if (hi - lo < least) { const middle = (hi + lo) / 2; lo = middle - least / 2; hi = middle + least / 2; }
  const p = 5, X = t => T > 1 ? p + t * (w - 2 * p) / (T - 1) : w - p - 1, Y = v => hgt - p - (v - lo) / (hi - lo) * (hgt - 2 * p);
  if (o.target) svg.append(s('line', { x1: p, x2: w - p, y1: Y(o.target.v), y2: Y(o.target.v), stroke: '#98a2b3', 'stroke-dasharray': '3 3' }));
  for (const l of lines) {
    let d = '', pen = false;
    l.v.forEach((v, t) => { if (v == null) { pen = false; return; } d += (pen ? 'L' : 'M') + X(t).toFixed(1) + ' ' + Y(v).toFixed(1); pen = true; });
    const main = l === lines.at(-1), c = main ? o.stroke || l.c : l.c;
    svg.append(s('path', { d, fill: 'none', stroke: c, 'stroke-width': l.w || 1.6, 'stroke-linejoin': 'round' }));
    const v = l.v[st.t];
    if (v != null && (main || T === 1)) svg.append(s('circle', { cx: X(st.t), cy: Y(v), r: main ? 3 : 2.4, fill: main && has(o, r, st.t, PROVISIONAL) ? '#fff' : c, stroke: c, 'stroke-width': 1.6 }));
  }
  return svg;
}

function drawCards() {
  $('cards').replaceChildren(...S.map((o, i) => {
    const v = val(o, province, st.t), ok = counties.filter(r => met(o, r, st.t)).length, n = counties.filter(r => val(o, r, st.t) != null).length;
    const colourOf = v == null || !o.target ? '#5d6878' : met(o, province, st.t) ? '#1f6f8b' : '#b4481e';
    const line = !o.target ? h('span', { class: 'mu' }, tr('无目标', 'no target'))
      : v == null ? h('span', { class: 'mu' }, tr('目标 ', 'target ') + goal(o))
      : h('span', { class: tone(o, province, st.t) }, met(o, province, st.t) ? tr('达标', 'met') : tr('差 ', 'gap ') + fx(o, Math.abs(v - o.target.v)), h('span', { class: 'mu' }, ' / ' + goal(o)));
    o.stroke = colourOf;
    const chart = spark(o, province, 168, 34);
    o.stroke = null;
    return h('button', { class: 'card', type: 'button', id: 'card-' + i, 'aria-pressed': i === st.k, onclick: () => go({ k: i }) },
      h('span', { class: 't' }, nm(o)),
      h('span', { class: 'v num' }, marked(o, province, st.t), v == null ? '' : h('small', {}, unit(o))),
      h('span', { class: 's num' }, line, o.target && n ? h('span', { class: 'mu' }, `${ok}/${n} ` + tr('县', 'cty')) : ''),
      chart);
  }));
}

const hatch = () => s('defs', {}, s('pattern', { id: 'hatch', width: 6, height: 6, patternUnits: 'userSpaceOnUse', patternTransform: 'rotate(45)' },
  s('rect', { width: 6, height: 6, fill: '#f3f4f6' }), s('line', { x1: 0, y1: 0, x2: 0, y2: 6, stroke: '#b9c1cb', 'stroke-width': 3 })));

function drawMap() {
  const o = S[st.k], svg = $('map'), tiles = counties.filter(r => R[r].g);
  const loose = counties.filter(r => !R[r].g);
  const grid = new Map(tiles.map(r => [R[r].g.join(), r]));
  // A county without a place on the map is shown all the same, in rows below it.
  const bottom = tiles.length ? Math.max(...tiles.map(r => R[r].g[1])) + 1 : 0;
  loose.forEach((r, i) => grid.set([i % 10, bottom + Math.floor(i / 10) + (tiles.length ? 1 : 0)].join(), r));
  const cells = [...grid].map(([g, r]) => [...g.split(',').map(Number), r]);
  if (!cells.length) { svg.replaceChildren(); return; }
  const x0 = Math.min(...cells.map(c => c[0])), x1 = Math.max(...cells.map(c => c[0])) + 1, y1 = Math.max(...cells.map(c => c[1])) + 1;
  const W = room(svg), U = Math.min(76, (W - 8) / (x1 - x0)), H = Math.min(66, Math.max(34, U * .86));
  const ox = 4 - x0 * U, oy = 4, wide = U >= 52;
  svg.setAttribute('viewBox', `0 0 ${(x1 - x0) * U + 8} ${y1 * H + 8}`);
  svg.style.maxWidth = (x1 - x0) * U + 8 + 'px';
  const out = [hatch()];
  for (const l of D.labels) if (l.k === 'water') {
    out.push(s('rect', { x: ox + (l.x - .86) * U, y: oy + (l.y - .28) * H, width: U * 1.72, height: H * .56, rx: H * .28, fill: '#e8f1f8' }),
      s('text', { class: 'lab', x: ox + l.x * U, y: oy + l.y * H + 4, 'text-anchor': 'middle', 'font-size': wide ? 11.5 : 8, 'font-style': 'italic', fill: '#5f8bad' }, nm(l)));
  }
  const groups = cells.map(([gx, gy, r]) => {
    const x = ox + gx * U, y = oy + gy * H, f = colour(o, r, st.t), hid = has(o, r, st.t, HIDDEN), none = f == null && !hid, c = f ? ink(f) : '#475467';
    const word = brief(r), long = L === 'en' ? word.length > 8 : word.length > 3;
    const size = wide ? (L === 'en' ? (word.length > 9 ? 9.5 : 11) : long ? 11 : 12.5) : L === 'en' ? U * .29 : U * (word.length > 2 ? .3 : .36);
    const label = wide || L === 'zh' ? word : word.replace(/[^A-Za-z]/g, '').slice(0, 5);
    const number = s('text', { x: x + U / 2, y: y + H * .5 + (wide ? 15 : 0), 'text-anchor': 'middle', 'font-size': 11, fill: c }, marked(o, r, st.t));
    return s('g', { class: 'tile' + (r === st.c ? ' sel' : ''), role: 'button', 'data-c': R[r].c, 'data-x': gx, 'data-y': gy,
      'aria-pressed': r === st.c ? 'true' : 'false', 'aria-label': said(o, r), onclick: () => go({ c: r }), onkeydown: press(() => go({ c: r }, true)), onmousemove: e => tip(e, o, r), onmouseleave: untip, onfocus: () => readout(o, r) },
      s('rect', { class: 'edge', x: x + 1.5, y: y + 1.5, width: U - 3, height: H - 3, rx: 4, fill: hid ? 'url(#hatch)' : f || '#fff', stroke: none ? '#b8c0cc' : 'none', 'stroke-dasharray': none && r !== st.c ? '3 3' : null }),
      hid && wide ? s('rect', { x: x + U * .22, y: y + H * .58, width: U * .56, height: 15, rx: 3, fill: '#f3f4f6' }) : null,
      s('text', { x: x + U / 2, y: y + H * .5 + (wide ? -3 : size * .36), 'text-anchor': 'middle', 'font-size': size, 'font-weight': 600, fill: c }, label),
      wide ? number : null);
  });
  out.push(...groups);
  for (const [gx, gy, r] of cells) for (const [dx, dy] of [[1, 0], [0, 1], [-1, 0], [0, -1]]) {
    const o2 = grid.get([gx + dx, gy + dy].join());
    if (o2 != null && R[o2].p === R[r].p) continue;
    const x = ox + gx * U, y = oy + gy * H;
    const [a, b, c, d] = dx === 1 ? [x + U, y, x + U, y + H] : dx === -1 ? [x, y, x, y + H] : dy === 1 ? [x, y + H, x + U, y + H] : [x, y, x + U, y];
    out.push(s('line', { x1: a, y1: b, x2: c, y2: d, stroke: '#344054', 'stroke-width': wide ? 1.7 : 1.2, 'stroke-linecap': 'round' }));
  }
  for (const l of D.labels) if (l.k === 'prefecture')
    out.push(s('text', { class: 'lab', x: ox + l.x * U, y: oy + l.y * H + 4, 'text-anchor': 'middle', 'font-size': wide ? 12.5 : 9.5, 'font-weight': 700, fill: '#475467' }, nm(l)));
  svg.replaceChildren(...out);
  // The chosen tile lies above the borders, else they would cut its frame.
  const chosen = groups.find(g => g.classList.contains('sel'));
  if (chosen) svg.append(chosen);
  roving(svg, groups, e => [+e.dataset.x, +e.dataset.y]);
  $('maptitle').textContent = `${nm(o)} · ${when(st.t)}`;
  $('mapsub').textContent = tr('方格示意图（非行政区域界线）', 'Tile grid, not administrative boundaries') + (o.target
    ? tr(`，颜色为与目标 ${goal(o)}${unit(o)}${o.target.y ? `（${o.target.y} 年）` : ''} 的差距`, `; colour = distance to the target ${goal(o)}${unit(o)}${o.target.y ? ` (${o.target.y})` : ''}`)
    : tr('，颜色按数值深浅', '; darker = higher'));
  legend(o);
  readout(o, st.c);
}

function legend(o) {
  const box = c => s('svg', { viewBox: '0 0 26 12', 'aria-hidden': 'true' }, s('rect', { width: 26, height: 12, rx: 2, fill: c }));
  const scale = o.target
    ? [tr('未达目标', 'target missed'), ...[...BAD].reverse().map(box), ...GOOD.map(box), tr('达到或优于目标', 'met or better')]
    : [tr('低', 'low'), ...BLUE.map(box), tr('高', 'high')];
  const rounded = S.some(x => x.flag.some(f => f & ROUNDED));
  const item = (svg, ...x) => h('span', { class: 'item' }, svg && s('svg', { viewBox: '0 0 26 12', 'aria-hidden': 'true' }, ...svg), ...x);
  $('legend').replaceChildren(h('span', { class: 'item' }, ...scale),
    item([s('circle', { cx: 13, cy: 6, r: 4, fill: '#fff', stroke: '#1f6f8b', 'stroke-width': 2 })], tr('* 快报数（排序图中空心）', '* provisional (hollow in the ranking)')),
    item([hatch(), s('rect', { width: 26, height: 12, rx: 2, fill: 'url(#hatch)' })], tr('保密，不是 0', 'confidential, not 0')),
    item([s('rect', { x: .5, y: .5, width: 25, height: 11, rx: 2, fill: '#fff', stroke: '#98a2b3', 'stroke-dasharray': '3 2' })], tr('— 没有数据', '— no data')),
    rounded ? item(null, tr('≈ 已舍入', '≈ rounded')) : '');
}

// What is to be said of a cell, in parts: the value, then remarks on it.
function remarks(o, r) {
  const t = st.t, v = val(o, r, t), why = o.w[at(r, t)];
  if (has(o, r, t, HIDDEN)) return [tr('保密（人数过少）', 'confidential (too few persons)')];
  if (v == null) return [tr('没有数据', 'no data') + (why ? tr('（', ' (') + why[L === 'zh' ? 0 : 1] + tr('）', ')') : '')];
  return [(has(o, r, t, ROUNDED) ? '≈' : '') + fx(o, v) + (unit(o) ? unit(o) : ''), has(o, r, t, PROVISIONAL) && tr('快报', 'provisional'), o.target && (met(o, r, t) ? tr('达到目标', 'target met') : tr('未达目标', 'target missed'))].filter(Boolean);
}
const said = (o, r) => `${place(r)}${tr('，', ', ')}${nm(o)} ${D.times[st.t] ?? ''}${tr('：', ': ')}${remarks(o, r).join(tr('，', ', '))}`;
function readout(o, r) {
  const k = at(r, st.t), v = val(o, r, st.t), part = (zh, en, ...x) => h('span', {}, h('small', {}, tr(zh, en)), ' ', ...x), parts = [h('b', {}, place(r))];
  parts.push(h('strong', { class: tone(o, r, st.t) }, remarks(o, r).join(tr('，', ', '))));
  if (v != null) {
    if (o.target) parts.push(part('目标', 'target', goal(o)));
    if (province >= 0 && val(o, province, st.t) != null) parts.push(part('全省', 'province', marked(o, province, st.t)));
    if (o.lo && o.lo[k] != null) parts.push(part('95% 区间', '95% interval', `${fx(o, o.lo[k])}–${fx(o, o.hi[k])}`));
    if (o.rk && o.rk[k]) parts.push(part('名次可能在', 'place between', o.rk[k].join('–')));
    if (o.n[k] != null && o.d[k] != null) parts.push(part('分子/分母', 'of', `${count(o.n[k])} / ${count(o.d[k])}`));
    if (o.cov && o.cov[k] != null) parts.push(part('报送覆盖', 'coverage', Math.round(o.cov[k] * 100) + '%'));
  }
  $('readout').replaceChildren(...parts);
}
function tip(event, o, r) {
  const e = $('tip'), k = at(r, st.t), lines = [h('b', {}, place(r)), h('div', {}, nm(o)), h('div', {}, remarks(o, r).join(tr('，', ', ')))];
  if (o.n[k] != null && o.d[k] != null) lines.push(h('div', {}, tr(`分子 ${count(o.n[k])} · 分母 ${count(o.d[k])}`, `${count(o.n[k])} of ${count(o.d[k])}`)));
  if (o.lo && o.lo[k] != null) lines.push(h('div', {}, tr('95% 区间 ', '95% interval ') + fx(o, o.lo[k]) + '–' + fx(o, o.hi[k])));
  if (o.rk && o.rk[k]) lines.push(h('div', {}, tr('按区间名次可能在 ', 'Place between ') + o.rk[k].join('–')));
  if (province >= 0 && val(o, province, st.t) != null) lines.push(h('div', {}, tr('全省 ', 'Province ') + fx(o, val(o, province, st.t)) + (o.target ? tr(' · 目标 ', ' · target ') + goal(o) : '')));
  if (o.cov && o.cov[k] != null && o.cov[k] < 1) lines.push(h('div', {}, tr('报送覆盖 ', 'coverage ') + Math.round(o.cov[k] * 100) + '%'));
  e.replaceChildren(...lines);
  e.style.display = 'block';
  e.style.left = Math.max(4, Math.min(event.clientX + 14, innerWidth - e.offsetWidth - 8)) + 'px';
  e.style.top = Math.max(4, Math.min(event.clientY + 14, innerHeight - e.offsetHeight - 8)) + 'px';
}
function untip() { $('tip').style.display = 'none'; }

function drawRank() {
  const o = S[st.k], svg = $('rank'), rows0 = { county: counties, prefecture: prefectures, set: sets }[st.l];
  $('levels').replaceChildren(...[['county', tr('县', 'Counties'), counties], ['prefecture', tr('市州', 'Prefectures'), prefectures], ['set', tr('政策区域', 'Policy areas'), sets]].filter(x => x[2].length).map(([l, word]) =>
    h('button', { type: 'button', 'aria-pressed': l === st.l, 'data-level': l, onclick: () => go({ l }) }, word)));
  $('ranksub').textContent = (o.target ? tr('竖虚线为目标；', 'Dashed line: target. ') : '') + (o.lo ? tr('横线为 95% 区间，', 'Bar: 95% interval. ') : '')
    + tr('名次勿过度解读：人数少的地区区间宽，相邻名次多无实际差别', 'Do not over-read ranks: small places have wide intervals, and most neighbours do not differ');
  const known = rows0.filter(r => val(o, r, st.t) != null), rest = rows0.filter(r => val(o, r, st.t) == null);
  known.sort((a, b) => (val(o, b, st.t) - val(o, a, st.t)) * (o.dir === 'down' ? -1 : 1) || (R[a].c < R[b].c ? -1 : 1));
  const rows = [...known, ...rest], W = room(svg), cols = rows.length > 16 && W >= 500 ? 2 : 1;
  const per = Math.ceil(rows.length / cols), rowH = cols === 2 ? 23 : 24, gutter = 18, cw = (W - (cols - 1) * gutter) / cols, top = 20;
  const nameW = st.l === 'set' ? Math.min(L === 'en' ? 250 : 190, cw * .5) : L === 'en' ? 96 : 84, x0 = nameW, x1 = cw - 50;
  // The scale holds every value, the target and most intervals; a longer interval ends in an arrow.
  const t = st.t, values = known.map(r => val(o, r, t)).concat(o.target ? [o.target.v] : []);
  const reach = o.lo ? known.map(r => Math.max(val(o, r, t) - o.lo[at(r, t)], o.hi[at(r, t)] - val(o, r, t))).sort((x, y) => x - y) : [0];
  const pad = 1.3 * (reach[Math.floor(reach.length * .75)] || 0);
  let lo = Math.min(...values) - pad, hi = Math.max(...values) + pad;
  if (!(hi > lo)) { lo -= 1; hi += 1; }
  const X = v => x0 + 6 + (v - lo) / (hi - lo) * (x1 - x0 - 12);
  svg.setAttribute('viewBox', `0 0 ${W} ${top + per * rowH + 4}`);
  const out = [hatch()];
  const step = [.1, .2, .5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000, 1e4, 1e5].find(q => (hi - lo) / q <= 6) || (hi - lo);
  for (let c = 0; c < cols; c++) {
    const bx = c * (cw + gutter), n = Math.min(per, rows.length - c * per);
    if (known.length) for (let v = Math.ceil(lo / step) * step; v <= hi + 1e-9; v += step) {
      if (o.target && Math.abs(X(v) - X(o.target.v)) < 22) continue;
      out.push(s('line', { x1: bx + X(v), x2: bx + X(v), y1: top - 3, y2: top + n * rowH, stroke: '#eef0f2' }), s('text', { x: bx + X(v), y: 12, 'text-anchor': 'middle', 'font-size': 10, fill: '#98a2b3' }, +v.toFixed(2)));
    }
    if (o.target && known.length) out.push(s('line', { x1: bx + X(o.target.v), x2: bx + X(o.target.v), y1: top - 4, y2: top + n * rowH, stroke: '#475467', 'stroke-dasharray': '3 3' }), s('text', { x: bx + X(o.target.v), y: 12, 'text-anchor': 'middle', 'font-size': 10, 'font-weight': 700, fill: '#475467' }, goal(o)));
  }
  const groups = rows.map((r, i) => {
    const c = Math.floor(i / per), bx = c * (cw + gutter), y = top + (i % per) * rowH + rowH / 2, v = val(o, r, t), f = colour(o, r, t), k = at(r, t), isCounty = R[r].l === 'county';
    const act = () => isCounty ? go({ c: r }, true) : go({ x: r === st.x ? -1 : r }, true);
    const g = s('g', { class: 'rk' + ((isCounty ? r === st.c : r === st.x) ? ' sel' : ''), role: 'button', 'data-c': R[r].c, 'data-x': c, 'data-y': i % per, 'aria-label': (v == null ? '' : tr(`第 ${i + 1} 位，`, `Rank ${i + 1}: `)) + said(o, r),
      onclick: act, onkeydown: press(act), onmousemove: e => tip(e, o, r), onmouseleave: untip },
      s('rect', { class: 'edge', x: bx, y: y - rowH / 2 + .5, width: cw, height: rowH - 1, rx: 3 }),
      s('text', { x: bx + 18, y: y + 4, 'text-anchor': 'end', 'font-size': 10.5, fill: '#98a2b3' }, v == null ? '' : i + 1),
      s('text', { x: bx + 24, y: y + 4, 'font-size': L === 'en' && st.l === 'set' ? 10.5 : 11.5, 'font-weight': r === st.c ? 700 : 400, fill: '#1c2430' }, clip(brief(r), st.l === 'set' ? Math.floor((nameW - 26) / (L === 'zh' ? 11.5 : 5.4)) : 12)));
    if (v == null) {
      if (has(o, r, t, HIDDEN)) g.append(s('rect', { x: bx + x0 + 6, y: y - 6, width: x1 - x0 - 12, height: 12, rx: 3, fill: 'url(#hatch)' }));
      g.append(s('text', { x: bx + cw - 4, y: y + 4, 'text-anchor': 'end', 'font-size': 11, fill: '#5d6878' }, shown(o, r, t)));
      return g;
    }
    const own = st.l === 'set' ? D.targets.find(q => q.ind === o.ind && q.set === R[r].c && q.u === 'pct') : null;
    if (own && own.v >= lo && own.v <= hi) g.append(s('line', { x1: bx + X(own.v), x2: bx + X(own.v), y1: y - 8, y2: y + 8, stroke: '#7a3e9d', 'stroke-width': 2 }, s('title', {}, `${own.id} ${own.op} ${own.v}`)));
    if (o.lo && o.lo[k] != null) {
      const x1 = bx + X(Math.max(lo, o.lo[k])), x2 = bx + X(Math.min(hi, o.hi[k]));
      g.append(s('line', { x1, x2, y1: y, y2: y, stroke: '#98a2b3', 'stroke-width': 1.5 }));
      if (o.lo[k] < lo) g.append(s('path', { d: `M${x1 + 4} ${y - 3.5}L${x1} ${y}L${x1 + 4} ${y + 3.5}`, fill: 'none', stroke: '#98a2b3', 'stroke-width': 1.5 }));
      if (o.hi[k] > hi) g.append(s('path', { d: `M${x2 - 4} ${y - 3.5}L${x2} ${y}L${x2 - 4} ${y + 3.5}`, fill: 'none', stroke: '#98a2b3', 'stroke-width': 1.5 }));
    }
    const dot = strong(f), prov = has(o, r, t, PROVISIONAL);
    g.append(s('circle', { cx: bx + X(v), cy: y, r: 4.6, fill: prov ? '#fff' : dot, stroke: dot, 'stroke-width': prov ? 2.2 : 1 }),
      s('text', { x: bx + cw - 4, y: y + 4, 'text-anchor': 'end', 'font-size': 11, fill: '#475467', 'font-weight': r === st.c ? 700 : 400 }, marked(o, r, t)));
    return g;
  });
  svg.replaceChildren(...out, ...groups);
  roving(svg, groups, e => [+e.dataset.x * 3, +e.dataset.y]);
}
// Drawings are made for the width they have; on paper for half an A4 page.
let paper = false;
const room = svg => paper ? 560 : Math.max(280, svg.parentNode.clientWidth - 34);
const clip = (text, n) => text.length > n ? text.slice(0, n - 1) + '…' : text;

const METHODS = {
  wilson: ['比率的威尔逊区间', 'Wilson interval of a share'], byar: ['毛比率的泊松区间（Byar 法，分子为人数）', 'Poisson interval of a gross rate (Byar)'], none: ['不给区间', 'none given'],
};
const BASES = { school: ['学校所在地', 'place of the school'], school_location: ['学校所在地', 'place of the school'], hukou: ['户籍所在地', 'place of registration'], origin: ['生源地', 'place of origin'], college: ['高校', 'college'] };
const CONF = { confirmed: ['已核定', 'confirmed'], unconfirmed: ['待核定', 'not yet confirmed'], derived: ['本库推定', 'derived by this warehouse'] };
const pair = (table, key) => table[key] ? table[key][L === 'zh' ? 0 : 1] : key || '—';

function drawDefinition() {
  const o = S[st.k], formula = (L === 'zh' ? o.fzh : o.fen) || '', parts = formula.split(' ÷ ');
  const bare = x => x.replace(/ × 100.*$/, '').replace(/^\(([^()]*)\)$/, '$1'), [top, bottom] = parts.length === 2 ? parts.map(bare) : ['', ''];
  const k = at(province, st.t), kc = at(st.c, st.t);
  const cells = (arr, hide) => [province >= 0 ? `${tr('全省', 'Province')} ${hide(province) || count(arr[k])}` : '', `${place(st.c)} ${hide(st.c) || count(arr[kc])}`].filter(Boolean).join('　');
  const hide = r => has(o, r, st.t, HIDDEN) ? tr('保密', 'confidential') : '';
  const names = new Map((D.deliveries ? D.deliveries.sources : []).map(x => [x.x + ' ' + x.id, x]));
  const src = o.src.flatMap(x => { const all = [...names.values()].filter(y => y.x === x); return all.length ? all.map(y => `${x} ${nm(y)}`) : [x]; });
  const ids = new Set([...names.values()].filter(x => o.src.includes(x.x)).map(x => x.id));
  const rules = D.rules.filter(r => r.results.some(q => ids.has(q[0]) || q[0] === 'mart.' + o.mart));
  const chips = rules.map(r => h('a', { class: 'chip ' + r.state, href: 'evidence.html#' + r.id, title: (r.title_zh || '') + ' ' + (L === 'zh' ? r.statement_zh || '' : r.statement_en || '') }, r.id));
  const goals = D.targets.filter(q => q.ind && q.ind === o.ind).map(q => {
    const r = index.get((q.set === 'province' ? 'province' : 'set') + (q.set === 'province' ? R[province]?.c : q.set)), v = r == null || q.u !== 'pct' ? null : val(o, r, st.t);
    const ok = v == null ? null : q.op.startsWith('<') ? v <= q.v : q.op === '=' ? v === q.v : v >= q.v;
    return h('div', {}, `${q.id} `, L === 'zh' ? q.rzh : q.ren, ` ${q.op} ${q.v}${q.u === 'pct' ? '%' : ''}${q.y ? tr(`（${q.y} 年）`, ` (${q.y})`) : ''}`, v == null ? '' : h('b', { class: ok ? 'up' : 'dn' }, ' ' + fx(o, v)), L === 'zh' && q.q ? h('span', { class: 'mu' }, `　“${q.q}”`) : '');
  });
  const row = (zh, en, ...x) => [h('dt', {}, tr(zh, en)), h('dd', {}, ...x)];
  $('deftitle').textContent = tr('口径、公式、分子分母与来源：', 'Definition, formula, numerator, denominator, sources: ') + nm(o);
  $('defbody').replaceChildren(h('dl', { class: 'num' },
    row('公式', 'Formula', formula || '—'),
    row('分子', 'Numerator', top ? top + tr('：', ': ') : '', cells(o.n, hide)),
    row('分母', 'Denominator', bottom ? bottom + tr('：', ': ') : '', cells(o.d, hide)),
    row('地区口径', 'Basis of region', pair(BASES, o.basis)),
    row('年龄', 'Ages', o.ages[0] ? `${o.ages[0]}–${o.ages[1]}` : '—'),
    row('数据时点', 'As of', o.asOf || '—'),
    row('区间', 'Interval', pair(METHODS, o.ci), o.ci === 'none' ? '' : tr('。登记为全数，区间说明人数少时偶然波动的大小', '. Registers count everybody; the interval shows how far a rate of so few moves by chance')),
    row('目标', 'Targets', goals.length ? goals : '—'),
    row('来源', 'Sources', src.join('　') || '—', o.rep ? tr('（部分数值由主管部门报告，非本库计算）', ' (some values reported by the department in charge, not computed here)') : ''),
    row('经过的规则', 'Rules passed through', chips.length ? chips : '—'),
    row('定义版本', 'Version', [o.def, o.doc, pair(CONF, o.conf)].filter(x => x && x !== '—').join(' · ') || '—'),
    row('数据集', 'Mart', h('a', { href: `../parquet/${o.mart}.parquet` }, o.mart))));
}

function drawCounty() {
  const pref = prefectureOf(st.c);
  $('countytitle').textContent = place(st.c) + (pref != null ? ' · ' + place(pref) : '');
  $('countysub').textContent = tr('蓝线：本县；灰线：全省；虚线：目标', 'Blue: county. Grey: province. Dashed: target') + (st.x >= 0 ? tr(`；紫线：${place(st.x)}`, `. Purple: ${place(st.x)}`) : '') + tr('。点小图切换指标', '. Click a chart to change the indicator');
  const option = r => h('option', { value: r }, place(r));
  const grouped = () => prefectures.length ? prefectures.map(p => { const g = h('optgroup', {}, counties.filter(r => R[r].p === R[p].c).map(option)); g.label = place(p); return g; }) : counties.map(option);
  $('county').replaceChildren(...grouped());
  $('county').value = st.c;
  const upper = h('optgroup', {}, prefectures.map(option), sets.map(option));
  upper.label = tr('市州与区域', 'Prefectures and areas');
  $('compare').replaceChildren(h('option', { value: -1 }, tr('不对比', 'nothing')), upper, ...grouped());
  $('compare').value = st.x;
  const also = [...(province >= 0 ? [{ r: province, c: '#b8c0cc' }] : []), ...(st.x >= 0 ? [{ r: st.x, c: '#7a3e9d' }] : [])];
  $('multiples').replaceChildren(...S.map((o, i) => h('button', { class: 'one num', type: 'button', 'aria-pressed': i === st.k, onclick: () => go({ k: i }) },
    h('div', { class: 't' }, nm(o)),
    h('div', {}, h('b', { class: tone(o, st.c, st.t) }, marked(o, st.c, st.t)), val(o, st.c, st.t) == null ? '' : h('small', {}, unit(o)), o.target ? ` / ${goal(o)}` : '', st.x >= 0 ? h('span', { class: 'cp' }, '　', marked(o, st.x, st.t)) : ''),
    spark(o, st.c, 186, 62, also))));
}

function drawMatrix() {
  const rows = (st.l === 'county' ? counties : st.l === 'prefecture' ? prefectures : sets).slice(), { col, dir } = dirty.sort;
  if (col >= 0) rows.sort((a, b) => {
    const x = val(S[col], a, st.t), y = val(S[col], b, st.t);
    return x == null && y == null ? 0 : x == null ? 1 : y == null ? -1 : (x - y) * dir;  // what is hidden or missing stays at the end
  });
  const unitWord = { county: tr('县', 'counties'), prefecture: tr('市州', 'prefectures'), set: tr('区域', 'areas') }[st.l];
  $('matrixtitle').textContent = tr(`${rows.length} 个${unitWord} × ${S.length} 项指标 · `, `${rows.length} ${unitWord} × ${S.length} indicators · `) + when(st.t);
  const sortBy = i => { dirty.sort = col === i ? { col: i, dir: -dir } : { col: i, dir: S[i].dir === 'down' ? -1 : 1 }; drawMatrix(); $('matrix').querySelectorAll('thead button')[i + 1].focus(); announce(tr('已按 ', 'Sorted by ') + nm(S[i])); };
  const head = h('thead', {}, h('tr', {}, h('th', { scope: 'col' }, h('button', { type: 'button', onclick: () => { dirty.sort = { col: -1, dir: 1 }; drawMatrix(); } }, st.l === 'county' ? tr('县（市、区）', 'County') : tr('地区', 'Region'))),
    S.map((o, i) => h('th', { scope: 'col', 'aria-sort': col === i ? (dir > 0 ? 'ascending' : 'descending') : 'none' }, h('button', { type: 'button', onclick: () => sortBy(i) }, nm(o), col === i ? (dir > 0 ? ' ↑' : ' ↓') : '')))));
  const body = h('tbody', {}, rows.map(r => h('tr', { class: r === st.c ? 'sel' : '', 'data-c': R[r].c }, h('th', { scope: 'row' }, h('button', { type: 'button', onclick: () => R[r].l === 'county' ? go({ c: r }) : go({ x: r }) }, place(r))),
    S.map((o, i) => {
      const f = colour(o, r, st.t), hid = has(o, r, st.t, HIDDEN), hit = i === st.k && r === st.c ? ' hit' : '';
      if (hid) return h('td', { class: 'hid' + hit, title: tr('保密（人数过少）', 'confidential (too few persons)') }, h('span', {}, tr('保密', 'conf.')));
      if (f == null) { const why = o.w[at(r, st.t)]; return h('td', { class: 'none' + hit, title: why ? why[L === 'zh' ? 0 : 1] : tr('没有数据', 'no data') }, '—'); }
      return h('td', { class: 'num' + hit + (has(o, r, st.t, PROVISIONAL) && PALE.has(f) ? ' pv' : ''), bg: f, fg: DEEP.has(f) ? '#fff' : null }, marked(o, r, st.t));
    }))));
  $('matrix').replaceChildren(head, body);
}

function exportCsv() {
  // A cell that a spreadsheet would take for a formula gets an apostrophe.
  const cell = x => { const v = String(x); const safe = /^[=+\-@\t\r]/.test(v) && !/^-?\d+(\.\d+)?$/.test(v) ? "'" + v : v; return /[",\r\n]/.test(safe) ? '"' + safe.replaceAll('"', '""') + '"' : safe; };
  const rows = st.l === 'county' ? counties : st.l === 'prefecture' ? prefectures : sets;
  const lines = [[tr('代码', 'code'), tr('地区', 'region'), ...S.map(nm)], ...rows.map(r => [R[r].c, place(r), ...S.map(o => has(o, r, st.t, HIDDEN) ? tr('保密', 'confidential') : val(o, r, st.t) == null ? '' : val(o, r, st.t).toFixed(o.dec))])];
  const blob = new Blob(['\ufeff' + lines.map(l => l.map(cell).join(',')).join('\r\n') + '\r\n'], { type: 'text/csv;charset=utf-8' });
  const a = h('a', { href: URL.createObjectURL(blob), download: `${D.release}-${D.times[st.t]}-${st.l}.csv` });
  document.body.append(a); a.click(); a.remove();
  setTimeout(() => URL.revokeObjectURL(a.href), 1000);
}

function drawRevisions() {
  const v = D.revisions, box = $('rev');
  if (!v.previous && v.known) { $('revhead').textContent = tr('首次发布，没有可比较的上一版', 'First release: there is nothing to compare with'); $('revlist').replaceChildren(); return; }
  if (!v.known) { $('revhead').textContent = tr(`上一版 ${v.previous} 不在手边，未作比较；见 CHANGES.md`, `The previous release ${v.previous} is not at hand; see CHANGES.md`); $('revlist').replaceChildren(); return; }
  $('revhead').replaceChildren(tr(`较上一版 ${v.previous}：`, `Since ${v.previous}: `), h('b', {}, v.cells ? tr(`修订 ${count(v.cells)} 格`, `${count(v.cells)} cell${v.cells === 1 ? '' : 's'} revised`) : tr('没有修订', 'nothing revised')), v.updated ? tr(`，更新快报 ${count(v.updated)} 格`, `, ${count(v.updated)} provisional updated`) : '', tr(`，新增 ${count(v.added)} 格`, `, ${count(v.added)} added`), v.gone ? tr(`，撤下 ${count(v.gone)} 格`, `, ${count(v.gone)} withdrawn`) : '');
  const say = (o, x) => x === 'h' ? tr('保密', 'confidential') : x == null ? '—' : o ? fx(o, x) : x;
  const rows = v.list.map(([id, l, c, p, a, b, was]) => {
    const o = S.find(x => x.id === id), r = index.get(l + c);
    const t = D.times.indexOf(p), k = S.indexOf(o);
    const label = r == null ? c : place(r);
    return h('tr', {}, h('td', { class: 'l' }, o ? nm(o) : id), h('td', { class: 'l' }, r != null && k >= 0 ? h('button', { type: 'button', onclick: () => go({ k, ...(t >= 0 ? { t } : {}), ...(R[r].l === 'county' ? { c: r } : { l: R[r].l }) }) }, label) : label), h('td', {}, p), h('td', {}, say(o, a)), h('td', {}, '→'), h('td', {}, say(o, b)), h('td', { class: 'l mu' }, was ? tr('快报更新', 'was provisional') : tr('修订', 'revised')));
  });
  $('revlist').replaceChildren(rows.length ? h('div', { class: 'scroll' }, h('table', {}, h('thead', {}, h('tr', {}, h('th', { class: 'l' }, tr('指标', 'Indicator')), h('th', { class: 'l' }, tr('地区', 'Region')), h('th', {}, tr('时期', 'Period')), h('th', {}, tr('原值', 'Before')), h('th', {}), h('th', {}, tr('现值', 'Now')), h('th', {}))), h('tbody', {}, rows))) : '',
    v.cells + v.updated > rows.length ? h('p', { class: 'mu' }, tr(`只列变动最大的 ${rows.length} 格，全部见 CHANGES.md 和数据文件`, `The ${rows.length} largest moves; CHANGES.md and the data files hold all`)) : '');
}

const STATES = [['accepted', '本期报送', 'delivered', '#4a93a8'], ['earlier', '沿用前期', 'from an earlier month', '#a9cfd9'], ['refused', '退回', 'refused', '#c05a2b'], ['missing', '缺', 'missing', '#fff']];
function drawQuality() {
  const q = D.deliveries;
  if (!q) { $('qualitysub').textContent = tr('本版没有报送情况数据', 'This release holds no data on deliveries'); $('qualitybox').replaceChildren(); return; }
  const all = q.sources.reduce((a, x) => ({ n: a.n + x.n, ok: a.ok + x.accepted + x.earlier, read: a.read + x.read, aside: a.aside + x.aside }), { n: 0, ok: 0, read: 0, aside: 0 });
  $('qualitysub').textContent = tr(`应报 ${count(all.n)} 份，在用 ${count(all.ok)} 份；读取 ${count(all.read)} 行，隔离 ${count(all.aside)} 行（${all.read ? (100 * all.aside / all.read).toFixed(2) : '0'}%）。每格一个县，按市州排列`, `${count(all.ok)} of ${count(all.n)} deliveries in force; ${count(all.read)} rows read, ${count(all.aside)} set aside (${all.read ? (100 * all.aside / all.read).toFixed(2) : '0'}%). One square per county, by prefecture`);
  const squares = x => {
    if (x.level !== 'county') return h('span', { class: 'mu' }, x.level === 'college' ? tr(`${x.n} 所高校`, `${x.n} colleges`) : tr('省级', 'province'));
    const svg = s('svg', { viewBox: `0 0 ${counties.length * 9 + 40} 12`, class: 'squares', width: counties.length * 9 + 40, height: 12, role: 'img', 'aria-label': `${nm(x)} ${x.accepted + x.earlier}/${x.n}` });
    let px = 0;
    counties.forEach((r, i) => {
      if (i && R[r].p !== R[counties[i - 1]].p) px += 5;
      const [state, read, aside] = (q.cells[R[r].c] || {})[x.id] || ['missing'], word = STATES.find(y => y[0] === state) || STATES[3];
      svg.append(s('rect', { x: px + .5, y: 1, width: 8, height: 10, rx: 1.5, fill: word[3], stroke: word[0] === 'missing' ? '#98a2b3' : 'none', 'stroke-dasharray': word[0] === 'missing' ? '2 1' : null }, s('title', {}, `${place(r)}：${tr(word[1], word[2])}` + (read == null ? '' : tr(`，${count(read)} 行，隔离 ${count(aside)}`, `, ${count(read)} rows, ${count(aside)} set aside`)))));
      px += 9;
    });
    return svg;
  };
  $('qualitybox').replaceChildren(
    h('table', { class: 'stack' }, h('thead', {}, h('tr', {}, [['来源', 'Source', 'l'], ['报送', 'Deliveries', 'l'], ['在用/应报', 'In force'], ['退回', 'Refused'], ['缺', 'Missing'], ['读取行', 'Rows read'], ['隔离行', 'Set aside'], ['时点', 'As of']].map(([a, b, c]) => h('th', { class: c, scope: 'col' }, tr(a, b))))),
      h('tbody', {}, q.sources.map(x => h('tr', {}, h('td', { class: 'l' }, `${x.x || ''} ${nm(x)}`), h('td', { class: 'l' }, squares(x)), h('td', { class: 'num', 'data-h': tr('在用/应报', 'In force') }, `${x.accepted + x.earlier}/${x.n}`), h('td', { class: x.refused ? 'dn' : 'none', 'data-h': tr('退回', 'Refused') }, x.refused || '0'), h('td', { class: x.missing ? 'dn' : 'none', 'data-h': tr('缺', 'Missing') }, x.missing || '0'), h('td', { 'data-h': tr('读取行', 'Rows') }, count(x.read)), h('td', { 'data-h': tr('隔离行', 'Set aside') }, count(x.aside)), h('td', { 'data-h': tr('时点', 'As of') }, x.as_of || '—'))))),
    h('div', { class: 'legend' }, STATES.map(([, a, b, c]) => h('span', { class: 'item' }, s('svg', { viewBox: '0 0 26 12', 'aria-hidden': 'true' }, s('rect', { x: 8, y: 1, width: 9, height: 10, rx: 1.5, fill: c, stroke: c === '#fff' ? '#98a2b3' : 'none', 'stroke-dasharray': c === '#fff' ? '2 1' : null })), tr(a, b)))));
}

function drawFiles() {
  $('files').replaceChildren(h('table', { class: 'stack' }, h('thead', {}, h('tr', {}, [['文件', 'File', 'l'], ['版本', 'Version'], ['行数', 'Rows'], ['大小', 'Size'], ['SHA-256', 'SHA-256', 'l']].map(([a, b, c]) => h('th', { class: c, scope: 'col' }, tr(a, b))))),
    h('tbody', {}, D.files.map(f => h('tr', {}, h('td', { class: 'l w' }, h('a', { href: '../' + f.f.split('/').map(encodeURIComponent).join('/'), download: f.f.endsWith('.html') ? null : true }, nm(f)), h('div', { class: 'mu' }, f.f)), h('td', { 'data-h': tr('版本', 'Version') }, f.v || ''), h('td', { class: 'num', 'data-h': tr('行数', 'Rows') }, f.n == null ? '' : count(f.n)), h('td', { class: 'num', 'data-h': tr('大小', 'Size') }, bytes(f.b)), h('td', { class: 'l w' }, f.h ? h('code', {}, f.h) : h('a', { href: '../SHA256SUMS' }, tr('见 SHA256SUMS', 'see SHA256SUMS'))))))));
}

function drawHead() {
  chrome();
  const where = D.labels.find(l => l.k === 'province');
  const title = L === 'zh' ? (where ? where.zh : '') + '教育监测指标' : (where ? where.en + ' education' : 'Education') + ' indicators';
  document.title = `${title} ${D.release}`;
  $('title').textContent = title;
  $('release').textContent = D.release.replace(/^v/, '');
  $('asof').textContent = D.asOf;
  $('lang').textContent = L === 'zh' ? 'EN' : '中文';
  $('lang').setAttribute('aria-label', L === 'zh' ? 'Switch to English' : '切换为中文');
  const ran = D.rules.filter(r => ['passed', 'failed', 'error'].includes(r.state)), ok = ran.filter(r => r.state === 'passed').length, blocked = ran.some(r => r.state !== 'passed' && r.severity === 'block');
  $('badge').hidden = !D.rules.length;
  $('badge').className = 'badge num' + (blocked ? ' warn' : '');
  $('badge').textContent = tr(`质量规则 ${ok}/${ran.length} 无问题`, `rules clean ${ok}/${ran.length}`);
  $('badge').title = tr('证据页：五个阶段的规则与结果', 'Evidence: the rules of the five stages and their results');
  $('more').textContent = $('cards').classList.contains('short') ? tr(`显示全部 ${S.length} 项指标`, `Show all ${S.length} indicators`) : tr('收起', 'Show fewer');
  $('times').replaceChildren(...D.times.map((x, t) => h('button', { type: 'button', class: 'num', 'aria-pressed': t === st.t, title: whenLong(t), onclick: () => go({ t }) }, x)));
  $('note').hidden = D.axis === 'year' || !T;
  $('note').textContent = tr('本版只含一个学年，按月显示。九月秋季统计点之外的月份为快报数（*），不与年度序列混用。', 'This release holds one school year and is shown by month. Months other than the autumn count are provisional (*) and never mix with annual series.');
  $('foot').textContent = tr(`发布版 ${D.release}，数据期 ${D.period}，截至 ${D.asOf}，程序 ${D.code}，参考数据 ${D.reference}。本页只用本发布版中的文件生成，打开时不访问网络。方格图只示意相对位置，不表示行政区域界线。地址栏的链接可重现当前视图。`,
    `Release ${D.release}, period ${D.period}, as of ${D.asOf}, code ${D.code}, reference ${D.reference}. This page is made from the files of this release alone and opens no connection. Tiles show relative position, not boundaries. The address reproduces the view.`);
}

function draw() {
  drawHead();
  drawRevisions(); drawQuality(); drawFiles();
  if (!S.length || !T) { $('note').hidden = false; $('note').textContent = tr('本版没有指标数据集', 'This release holds no mart of indicators'); document.body.classList.add('empty'); for (const e of document.querySelectorAll('.two,#def,section:has(#multiples),section:has(#matrix)')) e.hidden = true; return; }
  drawCards(); drawMap(); drawRank(); drawDefinition(); drawCounty(); drawMatrix();
  history.replaceState(null, '', '#' + [L, D.times[st.t], S[st.k].id, R[st.c]?.c ?? '', st.l, st.x >= 0 ? R[st.x].l + ':' + R[st.x].c : ''].map(encodeURIComponent).join('/').replace(/\/+$/, ''));
}
let quiet;
function announce(text) { clearTimeout(quiet); quiet = setTimeout(() => { $('live').textContent = text; }, 60); }
function go(change, keep) {
  const focus = document.activeElement, holder = focus && focus.closest('svg[id],div[id],table[id]'), key = focus?.dataset?.c, n = holder ? [...holder.querySelectorAll('button')].indexOf(focus) : -1;
  Object.assign(st, change);
  untip();
  draw();
  // The element that had the focus was drawn anew.
  const again = holder && (key ? [...holder.querySelectorAll('[role=button]')].find(e => e.dataset.c === key) : n >= 0 ? holder.querySelectorAll('button')[n] : null);
  if (again && (keep || n >= 0 || key)) again.focus({ preventScroll: true });
  if (S.length) announce(said(S[st.k], st.c));
}
function readHash() {
  const [l, t, k, c, level, x] = location.hash.slice(1).split('/').map(p => { try { return decodeURIComponent(p); } catch { return ''; } });
  if (l === 'en' || l === 'zh') L = l;
  const ti = D.times.indexOf(t), ki = S.findIndex(o => o.id === k), ci = index.get('county' + c), xi = index.get((x || '').replace(':', ''));
  if (ti >= 0) st.t = ti;
  if (ki >= 0) st.k = ki;
  if (ci != null) st.c = ci;
  if (['county', 'prefecture', 'set'].includes(level)) st.l = level;
  st.x = xi != null ? xi : -1;
}
$('lang').addEventListener('click', () => { L = L === 'zh' ? 'en' : 'zh'; go({}, true); });
$('county').addEventListener('change', e => go({ c: +e.target.value }));
$('compare').addEventListener('change', e => go({ x: +e.target.value }));
$('csv').addEventListener('click', exportCsv);
$('more').addEventListener('click', () => { $('cards').classList.toggle('short'); drawHead(); });
addEventListener('hashchange', () => { readHash(); draw(); });
for (const [event, on] of [['beforeprint', true], ['afterprint', false]]) addEventListener(event, () => { paper = on; if (S.length) { drawMap(); drawRank(); } });
let width = innerWidth;
addEventListener('resize', () => { if (innerWidth !== width) { width = innerWidth; if (S.length) { drawMap(); drawRank(); } } });
readHash();
draw();
