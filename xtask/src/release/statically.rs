//! Whether a program needs libraries of the system it runs on. Reads the head of a 64-bit ELF file of the machine's own
//! byte order, and knows nothing of what the program does.

/// Who loads the program before it runs: a dynamic linker that must be there.
const PT_INTERP: u32 = 3;
/// A library that must be found before it runs.
const DT_NEEDED: u64 = 1;
const PT_DYNAMIC: u32 = 2;

/// An error says what the program needs.
pub fn check(program: &[u8]) -> Result<(), String> {
    if program.get(..5) != Some(b"\x7fELF\x02") {
        return Err("it is no 64-bit ELF program".to_owned());
    }
    let headers = word(program, 32)?;
    let size = u64::from(half(program, 54)?);
    for n in 0..u64::from(half(program, 56)?) {
        let at = headers.saturating_add(n * size);
        let kind = u32::from_le_bytes(bytes(program, at)?);
        let (offset, length) = (word(program, at + 8)?, word(program, at + 32)?);
        match kind {
            PT_INTERP => {
                let end = offset.saturating_add(length.saturating_sub(1));
                let range = usize::try_from(offset).ok().zip(usize::try_from(end).ok());
                let linker = range.and_then(|(from, to)| program.get(from..to));
                let linker = String::from_utf8_lossy(linker.unwrap_or_default());
                return Err(format!("it is loaded by {linker}, so it is not static"));
            }
            PT_DYNAMIC => {
                for entry in 0..length / 16 {
                    if word(program, offset.saturating_add(entry * 16))? == DT_NEEDED {
                        return Err("it needs a library, so it is not static".to_owned());
                    }
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn bytes<const N: usize>(program: &[u8], at: u64) -> Result<[u8; N], String> {
    usize::try_from(at)
        .ok()
        .and_then(|at| program.get(at..)?.first_chunk::<N>())
        .copied()
        .ok_or_else(|| "its headers lead outside of it".to_owned())
}

fn word(program: &[u8], at: u64) -> Result<u64, String> {
    Ok(u64::from_le_bytes(bytes(program, at)?))
}

fn half(program: &[u8], at: u64) -> Result<u16, String> {
    Ok(u16::from_le_bytes(bytes(program, at)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A head with one program header of that kind, and what it leads to.
    fn program(kind: u32, content: &[u8]) -> Vec<u8> {
        let mut elf = vec![0; 64 + 56];
        elf[..5].copy_from_slice(b"\x7fELF\x02");
        elf[32..40].copy_from_slice(&64u64.to_le_bytes());
        elf[54..56].copy_from_slice(&56u16.to_le_bytes());
        elf[56..58].copy_from_slice(&1u16.to_le_bytes());
        elf[64..68].copy_from_slice(&kind.to_le_bytes());
        elf[72..80].copy_from_slice(&120u64.to_le_bytes());
        elf[96..104].copy_from_slice(&(content.len() as u64).to_le_bytes());
        elf.extend(content);
        elf
    }

    #[test]
    fn what_needs_the_system_is_told() {
        assert_eq!(check(&program(1, b"code")), Ok(()));
        let relocations_only = [7u64.to_le_bytes(), 0u64.to_le_bytes()].concat();
        assert_eq!(check(&program(PT_DYNAMIC, &relocations_only)), Ok(()));
        let library = [DT_NEEDED.to_le_bytes(), 9u64.to_le_bytes()].concat();
        assert!(check(&program(PT_DYNAMIC, &library)).is_err());
        let said = check(&program(PT_INTERP, b"/lib/ld.so\0")).expect_err("it is dynamic");
        assert!(said.contains("/lib/ld.so,"), "{said}");
    }

    #[test]
    fn what_is_no_program_is_told() {
        assert!(check(b"#!/bin/sh").is_err());
        let whole = program(PT_DYNAMIC, &[1; 32]);
        for length in 0..whole.len() - 32 {
            assert!(check(&whole[..length]).is_err(), "{length} bytes");
        }
        let mut outside = whole;
        outside[32..40].copy_from_slice(&u64::MAX.to_le_bytes());
        assert!(check(&outside).is_err());
    }

    /// The test itself is one that is linked against the system, where the C library is.
    #[test]
    #[cfg(target_env = "gnu")]
    fn a_real_one_is_read() {
        let own = std::env::current_exe().expect("a path");
        let said = check(&std::fs::read(own).expect("a program")).expect_err("it is dynamic");
        assert!(said.contains("ld-linux"), "{said}");
    }
}
