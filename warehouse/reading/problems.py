"""Every reason for which a file is refused, in Chinese and English, with what the clerk should do."""

from __future__ import annotations

from warehouse.reading.result import Problem

_SAVE = (
    "请在 Excel 或 WPS 中打开，另存为“.xlsx”或“CSV UTF-8”后重新报送。",
    "Open the file in Excel or WPS, save it as .xlsx or 'CSV UTF-8' and deliver it again.",
)
_AGAIN = ("请重新导出或复制后再次报送。", "Export or copy the file again and deliver it once more.")
_SAME_IN_ZIP = (
    "请在一个压缩包中只放列名相同的数据文件（不要再套压缩包），或不压缩直接报送，核对后重新报送。",
    "Put only data files with the same columns into a zip, no zip inside it, or deliver the files without zip.",
)

# code -> what happened (zh, en), what to do (zh, en); {file} is the file name, other names are numbers
PROBLEMS: dict[str, tuple[str, str, str, str]] = {
    "empty_file": ("文件“{file}”是空的。", "The file '{file}' is empty.", *_AGAIN),
    "no_records": (
        "文件“{file}”只有表头，没有数据行。",
        "The file '{file}' has a header but no records.",
        "请确认导出条件；确无数据时请按“零报告”办理。",
        "Check the export filter; if there is really nothing to report, file a nil return.",
    ),
    "header_not_found": (
        "文件“{file}”前 50 行中没有找到表头；最接近的一行只有 {known} 个已知列名，至少需要 {needed} 个。",
        "No header in the first 50 rows of '{file}'; the nearest row has {known} known names of {needed}.",
        "请使用系统模板的列名，表头放在前 50 行内，并确认没有报错数据集。",
        "Use the column names of the template in the first 50 rows; check that this is the right dataset.",
    ),
    "several_sheets": (
        "工作簿“{file}”有 {parts} 个工作表都含有数据，但列名不一致，无法合并。",
        "In '{file}' {parts} sheets hold data but not the same columns; they cannot be joined.",
        "请统一各工作表的列名，或将数据合并到一个工作表后重新报送。",
        "Give all sheets the same columns, or merge the data into one sheet, and deliver the file again.",
    ),
    "too_wide": (
        "文件“{file}”有 {columns} 列，超过上限 {limit} 列。",
        "The file '{file}' has {columns} columns; the limit is {limit}.",
        "请删除表格右侧多余的列后重新报送。",
        "Delete the surplus columns on the right and deliver the file again.",
    ),
    "too_large_area": (
        "工作簿“{file}”的已用区域为 {rows} 行 × {columns} 列，过大。",
        "The used area of '{file}' is {rows} rows by {columns} columns: too large.",
        "请删除数据下方和右侧的空行空列并保存，或另存为 CSV 后重新报送。",
        "Delete the empty rows and columns below and beside the data, or save as CSV, and deliver again.",
    ),
    "line_too_long": (
        "文件“{file}”中有超过 {limit} 字节的行，不是正常的表格。",
        "The file '{file}' has a line of more than {limit} bytes; this is not a normal table.",
        *_SAVE,
    ),
    "encoding": (
        "文件“{file}”既不是 UTF-8 也不是 GB18030 编码，第 {offset} 字节处无法识别。",
        "The file '{file}' is neither valid UTF-8 nor valid GB18030; byte {offset} cannot be read.",
        *_SAVE,
    ),
    "nul_bytes": (
        "文件“{file}”中含有空字节（NUL），可能已损坏。",
        "The file '{file}' contains NUL bytes and is probably damaged.",
        *_AGAIN,
    ),
    "replacement_characters": (
        "文件“{file}”中有已丢失的汉字（显示为“�”），原文无法恢复。",
        "The file '{file}' contains replacement characters: text was lost before delivery.",
        "请从原系统重新导出，不要用会改变编码的工具转存。",
        "Export the file again from the source system, without tools that change the encoding.",
    ),
    "password": (
        "文件“{file}”设有打开密码。",
        "The file '{file}' is protected with a password.",
        "请取消密码后重新报送；传输安全由报送通道保证。",
        "Remove the password and deliver the file again; the delivery channel itself is protected.",
    ),
    "damaged_workbook": (
        "工作簿“{file}”已损坏或不完整。",
        "The workbook '{file}' is damaged or incomplete.",
        *_AGAIN,
    ),
    "damaged_zip": ("压缩包“{file}”已损坏或不完整。", "The zip '{file}' is damaged or incomplete.", *_AGAIN),
    "zip_many": (
        "压缩包“{file}”中有 {files} 个文件，超过上限 {limit} 个。",
        "The zip '{file}' contains {files} files; the limit is {limit}.",
        *_SAME_IN_ZIP,
    ),
    "zip_mixed": (
        "压缩包“{file}”中 {parts} 个数据文件的列名不一致，无法合并。",
        "The {parts} data files of the zip '{file}' do not have the same columns and cannot be joined.",
        *_SAME_IN_ZIP,
    ),
    "zip_empty": (
        "压缩包“{file}”中没有数据文件。",
        "The zip '{file}' contains no data file.",
        *_SAME_IN_ZIP,
    ),
    "zip_unsafe": (
        "压缩包“{file}”中有不安全的路径、链接或嵌套压缩包。",
        "The zip '{file}' contains an unsafe path, a link or another zip.",
        *_SAME_IN_ZIP,
    ),
    "zip_too_large": (
        "文件“{file}”解压后过大（上限 {limit} 字节，压缩比上限 {ratio}）。",
        "The file '{file}' unpacks to too much (limit {limit} bytes, ratio {ratio}).",
        "请核对文件内容，分批或以 CSV 报送。",
        "Check the content of the file; deliver it in parts or as CSV.",
    ),
    "unsupported_format": (
        "文件“{file}”的格式不受支持。",
        "The format of '{file}' is not supported.",
        *_SAVE,
    ),
    "unreadable": (
        "文件“{file}”无法读取。",
        "The file '{file}' cannot be read.",
        "请核对文件能否正常打开，另存后重新报送；仍不行请联系省级管理员。",
        "Check that the file opens, save it again and redeliver; else call the provincial operator.",
    ),
}


def problem(code: str, file: str, **numbers: int) -> Problem:
    """Problem of one file; numbers fill the blanks of the text."""
    parts = [text.format(file=file, **numbers) for text in PROBLEMS[code]]
    return Problem(code, *parts)
