"""Makes the typed models of what models.txt describes.

Usage: generate.py enums | models | tables | calls  models.txt  OUTPUT
"""

import re
import sys
from collections import namedtuple

Enum = namedtuple('Enum', 'kind name doc values')
Field = namedtuple('Field', 'name accessor type shape may_be_missing may_be_null doc')
Method = namedtuple('Method', 'declaration doc')
Model = namedtuple('Model', 'name base doc fields methods')

# What a type is read as, and what FieldKind says of it.
SCALARS = {
    'id': ('Snowflake', 'id'),
    'string': ('std::string', 'string'),
    'bool': ('bool', 'boolean'),
    'int': ('std::int64_t', 'integer'),
    'number': ('double', 'number'),
    'permissions': ('Permissions', 'permissions'),
    'time': ('Timestamp', 'time'),
    'unix_ms': ('Timestamp', 'unix_ms'),
    'unix_s': ('Timestamp', 'unix_s'),
}
KEYWORDS = {'auto', 'default', 'explicit', 'export', 'friend', 'private', 'public', 'register', 'short',
            'static', 'union'}


def fail(number, line, why):
    sys.exit(f'models.txt:{number}: {why}: {line.strip()}')


def read(path):
    enums, models = {}, {}
    current = None
    for number, line in enumerate(open(path, encoding='utf-8'), 1):
        text = line.strip()
        if not text or text.startswith('#'):
            continue
        if not line.startswith(' '):
            heading = re.fullmatch(r'(enum|flags|words|model) (\w+)(?: : (\w+))? "(.+)"', text)
            if not heading or heading[2] in enums or heading[2] in models:
                fail(number, line, 'no heading, or a second one of that name')
            kind, name, base, doc = heading.groups()
            if kind == 'model':
                current = models[name] = Model(name, base, doc, [], [])
            else:
                current = enums[name] = Enum(kind, name, doc, [])
        elif isinstance(current, Model) and text.startswith('+ '):
            method = re.fullmatch(r'\+ (.+?) "(.+)"', text)
            if not method:
                fail(number, line, 'no declaration with a text')
            current.methods.append(Method(*method.groups()))
        elif isinstance(current, Model):
            field = re.fullmatch(r'(\w+)(?: as (\w+))? (\w+)(\[\]|\{\})?(\?)?(\|null)?(?: "(.+)")?', text)
            if not field:
                fail(number, line, 'no field')
            name, accessor, type_, shape, missing, null, doc = field.groups()
            current.fields.append(Field(name, accessor or name, type_, {None: 'one', '[]': 'list', '{}': 'map'}[shape],
                                        bool(missing), bool(null), doc))
        elif current.kind == 'words':
            current.values.extend((len(current.values) + i, word) for i, word in enumerate(text.split()))
        else:
            value = re.fullmatch(r'(\d+) (\w+)', text)
            if not value:
                fail(number, line, 'no value')
            current.values.append((int(value[1]), value[2]))
    for model in models.values():
        for field in model.fields:
            if not (field.type in SCALARS or field.type in enums or field.type in models
                    or field.type in ('json', 'mark')):
                sys.exit(f'models.txt: {model.name}.{field.name} has the unknown type {field.type}')
            if field.accessor in KEYWORDS:
                sys.exit(f'models.txt: {model.name}.{field.name} needs another name: use "as"')
    return enums, models


def enumerator(name):
    name = name.lower()
    return name + '_' if name in KEYWORDS else name


def snake(name):
    return re.sub(r'(?<!^)(?=[A-Z])', '_', name).lower()


def write_enums(enums, out):
    out('''#pragma once

// Discord's enumerations. Each may hold a number that is not listed here, which is kept: Discord adds some now and then.
// Made from lib/model/models.txt.

#include <cstdint>
#include <string_view>

#include "sake/export.h"

namespace sake {
''')
    for enum in enums.values():
        of = {'enum': '', 'flags': ' The values are the numbers of the bits: see Flags.', 'words': ' See Word.'}[enum.kind]
        out(f'/// {enum.doc}{of}')
        out(f'enum class {enum.name} : std::int64_t {{')
        if enum.kind == 'words':
            out('  unknown = -1,')
        for value, name in enum.values:
            out(f'  {enumerator(name)} = {value},')
        out('};')
        empty = ' Empty: it has none here.'
        out(f'/// Discord\'s name for it: "{enum.values[0][1]}".{empty}')
        out(f'SAKE_EXPORT std::string_view name({enum.name} value) noexcept;\n')
    out('}  // namespace sake')


def type_of(field, enums, models):
    if field.type == 'mark':
        return 'bool'
    if field.type == 'json':
        return 'JsonView'
    if field.type in models:
        return {'one': field.type, 'list': f'List<{field.type}>', 'map': f'Map<{field.type}>'}[field.shape]
    if field.type in SCALARS:
        inner = SCALARS[field.type][0]
    else:
        inner = {'enum': field.type, 'flags': f'Flags<{field.type}>', 'words': f'Word<{field.type}>'}[enums[field.type].kind]
    return f'Field<std::vector<{inner}>>' if field.shape == 'list' else f'Field<{inner}>'


def presence(field):
    if field.type == 'mark':
        return 'Whether it is set.'
    return {(False, False): '', (True, False): 'May be missing.', (False, True): 'May be null.',
            (True, True): 'May be missing or null.'}[field.may_be_missing, field.may_be_null]


def wrapped(indent, text, width=120):
    words, line, lines = text.split(), '', []
    for word in words:
        if line and len(indent) + 4 + len(line) + 1 + len(word) > width:
            lines.append(line)
            line = word
        else:
            line = f'{line} {word}' if line else word
    return '\n'.join(f'{indent}/// {each}' for each in lines + [line])


def in_order(models):
    """Bases before what derives from them."""
    done = []
    for model in models.values():
        if model.base and models[model.base] not in done:
            done.append(models[model.base])
        if model not in done:
            done.append(model)
    return done


def write_models(enums, models, out):
    out('''#pragma once

// What the cache stores, with a type for each field that Discord documents: views over the stored JSON, which stays as it
// is. A field is read when it is asked for. Any field may be missing, in a partial object or where fields are selected
// (Options::keep_fields); "may be missing" is said of those that are so in a whole one.
// Made from lib/model/models.txt.

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sake/enums.h"
#include "sake/export.h"
#include "sake/field.h"
#include "sake/image.h"
#include "sake/json_view.h"
#include "sake/permissions.h"
#include "sake/snowflake.h"

namespace sake {
''')
    for name in sorted(models):
        out(f'class {name};')
    out('')
    for model in in_order(models):
        out(wrapped('', model.doc))
        out(f'class SAKE_EXPORT {model.name} : public {model.base or "Model"} {{\n public:')
        out(f'  /// Missing.\n  {model.name}() noexcept = default;')
        out(f'  /// Views it as one, whatever it is.')
        out(f'  explicit {model.name}(JsonView view) noexcept : {model.base or "Model"}(std::move(view)) {{}}\n')
        for field in model.fields:
            text = f'Discord\'s `{field.name}`.' if field.accessor != field.name else ''
            text = ' '.join(part for part in (text, field.doc or '', presence(field)) if part)
            out(wrapped('  ', text or f'Discord\'s `{field.name}`.'))
            out(f'  {type_of(field, enums, models)} {field.accessor}() const;')
        for method in model.methods:
            out(wrapped('  ', method.doc))
            out(f'  {method.declaration};')
        out(f'''
  /// What is documented of it.
  static const ModelInfo& info() noexcept;
  /// Calls `visitor(field, value)` for each field, in the order of info(): a FieldInfo, and what its accessor returns.
  template <typename Visitor>
  void visit(Visitor&& visitor) const;
}};
''')
    for model in in_order(models):
        out(f'template <typename Visitor>\nvoid {model.name}::visit(Visitor&& visitor) const {{')
        if model.base:
            out(f'  {model.base}::visit(visitor);')
        first = len(models[model.base].fields) if model.base else 0
        for i, field in enumerate(model.fields, first):
            out(f'  visitor(info().fields[{i}], {field.accessor}());')
        out('}\n')
    out('}  // namespace sake')


def write_tables(enums, models, out):
    out('''// The tables of the models and what reads their fields. Made from lib/model/models.txt.

#include "sake/models.h"

#include "model/reader.h"

namespace sake {
namespace {

using Shape = FieldInfo::Shape;

std::string_view name_in(std::span<const EnumValue> values, std::int64_t value) noexcept {
  for (const EnumValue& known : values)
    if (known.value == value) return known.name;
  return {};
}
''')
    for enum in enums.values():
        out(f'constexpr EnumValue {snake(enum.name)}_values[] = {{')
        for value, name in enum.values:
            out(f'    {{{value}, "{name}"}},')
        out('};')
    out('')
    for model in in_order(models):
        out(f'constexpr FieldInfo {snake(model.name)}_fields[] = {{')
        for owner, field in [(model, f) for f in (models[model.base].fields if model.base else [])] + \
                [(model, f) for f in model.fields]:
            values, object_ = '{}', 'nullptr'
            if field.type in models:
                kind, object_ = 'object', f'{field.type}::info'
            elif field.type in enums:
                kind = {'enum': 'enumeration', 'flags': 'flags', 'words': 'word'}[enums[field.type].kind]
                values = f'{snake(field.type)}_values'
            else:
                kind = SCALARS[field.type][1] if field.type in SCALARS else field.type
            flags = ', '.join(str(flag).lower() for flag in (field.may_be_missing, field.may_be_null))
            out(f'    {{"{owner.name}", "{field.name}", FieldKind::{kind}, Shape::{field.shape}, {flags}, {values}, {object_}}},')
        out('};')
    out('\n}  // namespace\n')
    for enum in enums.values():
        out(f'std::string_view name({enum.name} value) noexcept {{')
        out(f'  return name_in({snake(enum.name)}_values, static_cast<std::int64_t>(value));\n}}')
    out('')
    for model in in_order(models):
        table = f'{snake(model.name)}_fields'
        out(f'const ModelInfo& {model.name}::info() noexcept {{')
        out(f'  static constexpr ModelInfo info{{"{model.name}", {table}}};\n  return info;\n}}')
        first = len(models[model.base].fields) if model.base else 0
        for i, field in enumerate(model.fields, first):
            type_ = type_of(field, enums, models)
            if field.type == 'mark':
                how = f'model::Reader::is_set(*this, {table}[{i}])'
            elif type_.startswith('Field<'):
                how = f'model::Reader::read<{type_[6:-1]}>(*this, {table}[{i}])'
            else:
                how = f'{type_}(model::Reader::view(*this, {table}[{i}]))'
            out(f'{type_} {model.name}::{field.accessor}() const {{ return {how}; }}')
    out('\n}  // namespace sake')


def arguments(declaration):
    """A value for each parameter that has no default one."""
    parameters = re.search(r'\((.*)\)', declaration)[1]
    return ', '.join('{}' for parameter in parameters.split(',') if parameter and '=' not in parameter)


def write_calls(enums, models, out):
    out('''#pragma once

// All models, and all that they can do besides showing their fields: for tests that leave nothing out.
// Made from lib/model/models.txt.

#include "sake/models.h"

namespace sake {
''')
    out('#define SAKE_EACH_MODEL(X) \\\n  ' + ' \\\n  '.join(f'X({model.name})' for model in in_order(models)) + '\n')
    for model in in_order(models):
        methods = (models[model.base].methods if model.base else []) + model.methods
        out('/// Calls `called(name, result)` for each.\ntemplate <typename Called>')
        out(f'void call_methods([[maybe_unused]] const {model.name}& model, [[maybe_unused]] Called&& called) {{')
        for method in methods:
            name = re.search(r'(\w+)\(', method.declaration)[1]
            out(f'  called("{name}", model.{name}({arguments(method.declaration)}));')
        out('}\n')
    out('}  // namespace sake')


def main():
    _, what, source, target = sys.argv
    enums, models = read(source)
    lines = []
    if what == 'enums':
        write_enums(enums, lines.append)
    else:
        {'models': write_models, 'tables': write_tables, 'calls': write_calls}[what](enums, models, lines.append)
    with open(target, 'w', encoding='utf-8') as out:
        out.write('\n'.join(lines) + '\n')


if __name__ == '__main__':
    main()
