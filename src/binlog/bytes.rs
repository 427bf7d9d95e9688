//! A cursor that never reads past its bytes.

use super::event::ReadError;

/// The part of an event that is still to be read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bytes<'a> {
    left: &'a [u8],
    /// Where the event lies in its file: for errors.
    at: u64,
}

impl<'a> Bytes<'a> {
    pub(super) fn new(bytes: &'a [u8], at: u64) -> Self {
        Self { left: bytes, at }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.left.is_empty()
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        self.left
    }

    pub(super) fn damaged(&self, what: &'static str) -> ReadError {
        ReadError::Damaged { at: self.at, what }
    }

    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], ReadError> {
        let (head, rest) = self
            .left
            .split_at_checked(count)
            .ok_or(ReadError::Damaged {
                at: self.at,
                what: "an event shorter than its fields",
            })?;
        self.left = rest;
        Ok(head)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], ReadError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    pub(super) fn u8(&mut self) -> Result<u8, ReadError> {
        Ok(u8::from_le_bytes(self.array()?))
    }

    pub(super) fn u16(&mut self) -> Result<u16, ReadError> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    pub(super) fn u32(&mut self) -> Result<u32, ReadError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub(super) fn u64(&mut self) -> Result<u64, ReadError> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// A little-endian number of `width` bytes, at most 8.
    pub(super) fn uint(&mut self, width: usize) -> Result<u64, ReadError> {
        let mut array = [0; 8];
        let taken = self.take(width)?;
        let (head, _) = array
            .split_at_mut_checked(taken.len())
            .ok_or(ReadError::Damaged {
                at: self.at,
                what: "a number of more than 8 bytes",
            })?;
        head.copy_from_slice(taken);
        Ok(u64::from_le_bytes(array))
    }

    /// The client protocol's length-encoded integer.
    pub(super) fn lenenc(&mut self) -> Result<usize, ReadError> {
        let value = match self.u8()? {
            0xfc => self.uint(2)?,
            0xfd => self.uint(3)?,
            0xfe => self.uint(8)?,
            0xff | 0xfb => return Err(self.damaged("a length that is none")),
            small => u64::from(small),
        };
        usize::try_from(value).map_err(|_| self.damaged("a length beyond this machine"))
    }

    /// MySQL's `mysql::serialization` number: as many further bytes as the first one has trailing
    /// one bits, little endian, shifted right by one more than that.
    pub(super) fn varlen(&mut self) -> Result<u64, ReadError> {
        let first = self.u8()?;
        let more = first.trailing_ones();
        let high = self.uint(more as usize)?;
        Ok(match more {
            8 => high,
            7 => high,
            _ => (high << (7 - more)) | u64::from(first >> (more + 1)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_variable_length() {
        let read = |bytes: &[u8]| Bytes::new(bytes, 0).varlen().unwrap();
        assert_eq!(read(&[0x00]), 0);
        assert_eq!(read(&[0x02]), 1);
        assert_eq!(read(&[0xfe]), 127);
        // 300 << 2 | 0b01 = 1201 = 0x04b1
        assert_eq!(read(&[0xb1, 0x04]), 300);
        assert_eq!(read(&[0xff, 1, 0, 0, 0, 0, 0, 0, 0x80]), (1 << 63) | 1);
        assert!(Bytes::new(&[0x01], 0).varlen().is_err());
        assert!(Bytes::new(&[], 0).varlen().is_err());
    }

    #[test]
    fn nothing_is_read_past_the_end() {
        let mut bytes = Bytes::new(&[1, 2, 3], 40);
        assert_eq!(bytes.u16().unwrap(), 0x0201);
        assert!(bytes.u16().is_err());
        assert_eq!(bytes.u8().unwrap(), 3);
        assert!(bytes.is_empty());
    }
}
