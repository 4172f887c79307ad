//! The 512-byte header in front of each entry: ustar fields, octal or base-256 numbers.

/// Size of a header and unit of everything in an archive.
pub(crate) const BLOCK: usize = 512;

/// One header block.
pub(crate) type Block = [u8; BLOCK];

const MODE: (usize, usize) = (100, 8);
const UID: (usize, usize) = (108, 8);
const GID: (usize, usize) = (116, 8);
const SIZE: (usize, usize) = (124, 12);
const MTIME: (usize, usize) = (136, 12);
const CHECKSUM: (usize, usize) = (148, 8);
const TYPE: usize = 156;
const LINK: (usize, usize) = (157, 100);
const MAGIC: usize = 257;
const MAJOR: (usize, usize) = (329, 8);
const MINOR: (usize, usize) = (337, 8);
const PREFIX: (usize, usize) = (345, 155);

/// Longest name or link target in a header.
pub(crate) const NAME_BYTES: usize = 100;
/// Largest number in a field of eight bytes: seven octal digits.
pub(crate) const SMALL_MAX: u64 = 0o777_7777;
/// Largest number in a field of twelve bytes: eleven octal digits.
pub(crate) const LARGE_MAX: u64 = 0o777_7777_7777;

/// A header as it was read. Numbers are signed, since base-256 fields are.
#[derive(Debug)]
pub(crate) struct Raw {
    pub(crate) path: Vec<u8>,
    pub(crate) link: Vec<u8>,
    pub(crate) kind: u8,
    pub(crate) mode: i64,
    pub(crate) uid: i64,
    pub(crate) gid: i64,
    pub(crate) size: i64,
    pub(crate) mtime: i64,
    pub(crate) major: i64,
    pub(crate) minor: i64,
}

/// Reads a header. The error says what is wrong with it.
pub(crate) fn decode(block: &Block) -> Result<Raw, &'static str> {
    if number(block, CHECKSUM) != Some(checksum(block)) {
        return Err("a header's checksum does not match");
    }
    let number = |field| number(block, field).ok_or("a header holds a number that cannot be read");
    let mut path = text(block, (0, NAME_BYTES)).to_vec();
    // Only POSIX headers have a prefix; GNU's keep other things there.
    if block[MAGIC..].starts_with(b"ustar\0") {
        let prefix = text(block, PREFIX);
        if !prefix.is_empty() {
            path = [prefix, b"/", &path].concat();
        }
    }
    Ok(Raw {
        path,
        link: text(block, LINK).to_vec(),
        kind: block[TYPE],
        mode: number(MODE)?,
        uid: number(UID)?,
        gid: number(GID)?,
        size: number(SIZE)?,
        mtime: number(MTIME)?,
        major: number(MAJOR)?,
        minor: number(MINOR)?,
    })
}

/// The fields of a header to write. Names are cut and numbers must fit: a PAX header says the rest.
#[derive(Debug, Default)]
pub(crate) struct Fields<'a> {
    pub(crate) path: &'a [u8],
    pub(crate) link: &'a [u8],
    pub(crate) kind: u8,
    pub(crate) mode: u32,
    pub(crate) uid: u64,
    pub(crate) gid: u64,
    pub(crate) size: u64,
    pub(crate) mtime: u64,
    pub(crate) major: u64,
    pub(crate) minor: u64,
}

/// Writes a header.
pub(crate) fn encode(fields: &Fields<'_>) -> Block {
    let mut block = [0; BLOCK];
    copy(&mut block, (0, NAME_BYTES), fields.path);
    octal(&mut block, MODE, u64::from(fields.mode));
    octal(&mut block, UID, fields.uid);
    octal(&mut block, GID, fields.gid);
    octal(&mut block, SIZE, fields.size);
    octal(&mut block, MTIME, fields.mtime);
    block[TYPE] = fields.kind;
    copy(&mut block, LINK, fields.link);
    copy(&mut block, (MAGIC, 8), b"ustar\x0000");
    octal(&mut block, MAJOR, fields.major);
    octal(&mut block, MINOR, fields.minor);
    let sum = checksum(&block);
    let digits = format!("{sum:06o}\0 ");
    copy(&mut block, CHECKSUM, digits.as_bytes());
    block
}

/// Sum of all bytes, with the checksum's own field read as spaces.
fn checksum(block: &Block) -> i64 {
    let (start, length) = CHECKSUM;
    block
        .iter()
        .enumerate()
        .map(|(at, byte)| if (start..start + length).contains(&at) { 32 } else { i64::from(*byte) })
        .sum()
}

fn copy(block: &mut Block, (start, length): (usize, usize), value: &[u8]) {
    let length = length.min(value.len());
    block[start..start + length].copy_from_slice(&value[..length]);
}

fn octal(block: &mut Block, (start, length): (usize, usize), value: u64) {
    let digits = format!("{value:0width$o}", width = length - 1);
    copy(block, (start, length - 1), digits.as_bytes());
}

/// Bytes up to the first zero.
fn text(block: &Block, (start, length): (usize, usize)) -> &[u8] {
    let field = &block[start..start + length];
    &field[..field.iter().position(|byte| *byte == 0).unwrap_or(length)]
}

/// An octal number between spaces and zeros, or a base-256 number; an empty field is 0.
fn number(block: &Block, (start, length): (usize, usize)) -> Option<i64> {
    let field = &block[start..start + length];
    if field[0] & 0x80 != 0 {
        // Two's complement over the whole field; its highest bit is only the mark, the next one the sign.
        let negative = field[0] & 0x40 != 0;
        let first = if negative { field[0] } else { field[0] & 0x7f };
        let start = if negative { -1 } else { 0 };
        return std::iter::once(first)
            .chain(field[1..].iter().copied())
            .try_fold(start, |sum: i64, byte| sum.checked_mul(256).map(|sum| sum | i64::from(byte)));
    }
    let trimmed = field.trim_ascii_start();
    let digits = trimmed.split(|byte| matches!(byte, 0 | b' ')).next().unwrap_or_default();
    if digits.is_empty() {
        return Some(0);
    }
    i64::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok().filter(|number| *number >= 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_256_numbers_may_be_large_and_negative() {
        let mut block = [0; BLOCK];
        block[SIZE.0..SIZE.0 + 12].copy_from_slice(&[0x80, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 1]);
        assert_eq!(number(&block, SIZE), Some(0x3_0000_0001));
        block[SIZE.0..SIZE.0 + 12].copy_from_slice(&[0xff; 12]);
        assert_eq!(number(&block, SIZE), Some(-1));
        block[SIZE.0..SIZE.0 + 12].copy_from_slice(&[0xbf; 12]);
        assert_eq!(number(&block, SIZE), None);
    }

    #[test]
    fn a_header_reads_back() {
        let fields = Fields { path: b"a/b", kind: b'0', mode: 0o4755, uid: 7, size: 9, ..Fields::default() };
        let mut block = encode(&fields);
        let raw = decode(&block).unwrap();
        assert_eq!((raw.path.as_slice(), raw.mode, raw.uid, raw.size), (&b"a/b"[..], 0o4755, 7, 9));
        block[0] = b'x';
        assert!(decode(&block).is_err());
    }
}
