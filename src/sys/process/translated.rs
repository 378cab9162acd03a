//! Whether another program translates this one for another processor, as Rosetta does with amd64 images on a Mac. Its own code,
//! locks and thread pointer lie in the same memory, where it expects threads or the only process. It tells by CPUID, which a
//! hypervisor leaves as the processor has it, but for its own name. Must not know who asks.

/// Where translators have their names: as the hypervisor's or at the begin of the processor's. Also QEMU's, which refuses such
/// children by itself.
const HYPERVISORS: [&[u8]; 2] = [b"FEXIFEXIEMU", b"TCGTCGTCGTCG"];
const PROCESSORS: [&[u8]; 2] = [b"VirtualApple", b"Box64"];

/// Returns whether this program is translated, as far as that can be told.
#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code, unused_unsafe)] // safe in newer versions of Rust than the oldest that builds this
pub fn is_translated() -> bool {
    use core::arch::x86_64::{__cpuid, CpuidResult};

    // SAFETY: every processor of this architecture has the instruction, and answers for a number that it does not know.
    let [CpuidResult { ebx, ecx, edx, .. }, brand] = unsafe { [__cpuid(0x4000_0000), __cpuid(0x8000_0002)] };
    let bytes = |words: [u32; 4]| words.map(u32::to_le_bytes).concat();
    is_translator(&bytes([ebx, ecx, edx, 0]), &bytes([brand.eax, brand.ebx, brand.ecx, brand.edx]))
}

/// For other processors there is only QEMU, which refuses such children by itself.
#[cfg(not(target_arch = "x86_64"))]
pub fn is_translated() -> bool {
    false
}

#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]
fn is_translator(hypervisor: &[u8], processor: &[u8]) -> bool {
    HYPERVISORS.iter().any(|name| hypervisor.starts_with(name))
        || PROCESSORS.iter().any(|name| processor.starts_with(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn translators_are_known_and_real_processors_are_none() {
        assert!(is_translator(b"FEXIFEXIEMU\0\0\0\0\0", b"Cortex-A76\0\0\0\0\0\0"));
        assert!(is_translator(&[0; 16], b"VirtualApple @ 2"));
        assert!(!is_translator(b"KVMKVMKVM\0\0\0\0\0\0\0", b"AMD EPYC 7763 64"));
        assert!(!is_translator(&[0; 16], b"Intel(R) Xeon(R)"));
    }
}
