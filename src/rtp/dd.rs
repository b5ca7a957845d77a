//! The dependency descriptor (AV1 RTP payload format, appendix A): which layer a frame belongs to, and from which
//! frames on a receiver may go on with another layer. It lies in a header extension and stays readable under
//! end-to-end encryption.
//!
//! The first packet of a key frame brings a [`Structure`] of templates; later frames name one of them. Frames that
//! differ from their template say how. [`narrow`] rewrites a descriptor so that
//! it tells which decode targets a receiver still gets.

use arrayvec::ArrayVec;

/// Templates of a structure at most: the numbers have 6 bits.
pub const MAX_TEMPLATES: usize = 64;
/// Decode targets at most.
pub const MAX_TARGETS: usize = 32;
/// Spatial and temporal layers that are told apart; AV1 has up to 4 and 8.
pub const MAX_SPATIAL: usize = 4;

/// A descriptor of this length has the mandatory fields alone.
const MANDATORY: usize = 3;

/// What a frame is to a decode target, two bits each.
mod indication {
    pub const NOT_PRESENT: u64 = 0;
    pub const SWITCH: u64 = 2;
}

/// One kind of frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Template {
    spatial: u8,
    temporal: u8,
    /// Two bits for each target, the first in the lowest.
    indications: u64,
}

/// The templates that a coded video sequence uses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Structure {
    offset: u8,
    targets: u8,
    chains: u8,
    templates: ArrayVec<Template, MAX_TEMPLATES>,
    /// Spatial and temporal layer of each target.
    layers: ArrayVec<(u8, u8), MAX_TARGETS>,
}

impl Structure {
    /// How many decode targets there are.
    pub const fn targets(&self) -> u8 {
        self.targets
    }

    /// The highest spatial layer.
    pub fn max_spatial(&self) -> u8 {
        self.layers.iter().map(|(spatial, _)| *spatial).max().unwrap_or_default()
    }

    /// The targets within these layers, as a mask.
    pub fn within(&self, spatial: u8, temporal: u8) -> u32 {
        let inside = self.layers.iter().enumerate().filter(|(_, layer)| layer.0 <= spatial && layer.1 <= temporal);
        inside.fold(0, |mask, (target, _)| mask | 1 << target)
    }

    /// The structure that a descriptor brings, if it does. It holds from that frame on.
    pub fn brought(value: &[u8]) -> Option<Self> {
        let mut bits = Bits::new(value);
        bits.take(24)?;
        if value.len() <= MANDATORY || !Flags::read(&mut bits)?.structure {
            return None;
        }
        Self::read(&mut bits)
    }

    fn template(&self, id: u8) -> Option<&Template> {
        self.templates.get(usize::from(id.wrapping_sub(self.offset) & 0x3F))
    }

    fn read(bits: &mut Bits<'_>) -> Option<Self> {
        let mut structure = Self { offset: bits.take(6)? as u8, targets: bits.take(5)? as u8 + 1, ..Self::default() };
        let mut template = Template::default();
        loop {
            structure.templates.try_push(template).ok()?;
            match bits.take(2)? {
                0 => {}
                1 => template.temporal += 1,
                2 => template = Template { spatial: template.spatial + 1, ..Template::default() },
                _ => break,
            }
            if template.temporal > 7 || usize::from(template.spatial) >= MAX_SPATIAL {
                return None;
            }
        }
        for template in &mut structure.templates {
            template.indications = bits.indications(structure.targets)?;
        }
        for _ in 0..structure.templates.len() {
            while bits.flag()? {
                bits.take(4)?;
            }
        }
        structure.chains = bits.non_symmetric(u32::from(structure.targets) + 1)? as u8;
        if structure.chains > 0 {
            for _ in 0..structure.targets {
                bits.non_symmetric(u32::from(structure.chains))?;
            }
            for _ in 0..structure.templates.len() * usize::from(structure.chains) {
                bits.take(4)?;
            }
        }
        for target in 0..structure.targets {
            let present = |it: &&Template| indication_of(it.indications, target) != indication::NOT_PRESENT;
            let templates = structure.templates.iter().filter(present);
            let highest = templates.fold((0, 0), |max: (u8, u8), it| (max.0.max(it.spatial), max.1.max(it.temporal)));
            structure.layers.try_push(highest).ok()?;
        }
        if bits.flag()? {
            let last = structure.templates.last()?.spatial;
            for _ in 0..=last {
                bits.take(16)?;
                bits.take(16)?;
            }
        }
        Some(structure)
    }
}

/// What the descriptor of one packet says of its frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// First packet of a frame (of one layer).
    pub start: bool,
    /// Last packet of a frame (of one layer).
    pub end: bool,
    /// Running number.
    pub number: u16,
    /// Spatial layer.
    pub spatial: u8,
    /// Temporal layer.
    pub temporal: u8,
    /// For each spatial layer the temporal layers that a receiver of this frame may have from here on, as a mask.
    pub switches: [u8; MAX_SPATIAL],
    /// How many decode targets there are.
    pub targets: u8,
    /// The highest spatial layer of the structure.
    pub highest: u8,
    /// The packet tells which targets are active: in so many words, or by its structure.
    pub tells_active: bool,
}

impl Frame {
    /// Reads the value of the header extension. `known` is the structure of the stream, which [`Structure::brought`]
    /// gave; a descriptor that brings its own is read by that. None when it is malformed or no structure is known.
    pub fn parse(value: &[u8], known: Option<&Structure>) -> Option<Self> {
        let mut bits = Bits::new(value);
        let (start, end) = (bits.flag()?, bits.flag()?);
        let (id, number) = (bits.take(6)? as u8, bits.take(16)? as u16);
        let head = Head { start, end, id, number };
        let flags = if value.len() > MANDATORY { Flags::read(&mut bits)? } else { Flags::default() };
        match flags.structure {
            true => head.with_own(&mut bits, flags),
            false => head.with(known?, &mut bits, flags),
        }
    }
}

/// The mandatory fields.
#[derive(Clone, Copy, Debug)]
struct Head {
    start: bool,
    end: bool,
    id: u8,
    number: u16,
}

impl Head {
    /// Key frames are rare, and structures are large.
    #[cold]
    fn with_own(self, bits: &mut Bits<'_>, flags: Flags) -> Option<Frame> {
        self.with(&Structure::read(bits)?, bits, flags)
    }

    fn with(self, structure: &Structure, bits: &mut Bits<'_>, flags: Flags) -> Option<Frame> {
        if flags.active {
            bits.take(u32::from(structure.targets))?;
        }
        let Template { spatial, temporal, indications } = *structure.template(self.id)?;
        let indications = if flags.indications { bits.indications(structure.targets)? } else { indications };
        let mut switches = [0; MAX_SPATIAL];
        for (target, (spatial, temporal)) in structure.layers.iter().enumerate() {
            if indication_of(indications, target as u8) == indication::SWITCH {
                switches[usize::from(*spatial)] |= 1 << temporal;
            }
        }
        let Self { start, end, number, .. } = self;
        let (targets, tells_active) = (structure.targets, flags.active || flags.structure);
        let highest = structure.max_spatial();
        Some(Frame { start, end, number, spatial, temporal, switches, targets, highest, tells_active })
    }
}

/// The optional parts of a descriptor.
#[derive(Clone, Copy, Debug, Default)]
struct Flags {
    structure: bool,
    active: bool,
    indications: bool,
    differences: bool,
    chains: bool,
}

impl Flags {
    fn read(bits: &mut Bits<'_>) -> Option<Self> {
        Some(Self {
            structure: bits.flag()?,
            active: bits.flag()?,
            indications: bits.flag()?,
            differences: bits.flag()?,
            chains: bits.flag()?,
        })
    }
}

/// Writes the descriptor `value` into `out` with the targets of `mask` as the active ones (those of them that were
/// active), and returns its length. None when it is malformed or does not fit; it is then to be passed on as it is.
pub fn narrow(value: &[u8], targets: u8, mask: u32, out: &mut [u8; 255]) -> Option<usize> {
    let mut bits = Bits::new(value);
    let mut writer = Writer { out, at: 0 };
    writer.copy(&mut bits, 24)?;
    let (mut flags, mut structured) = (Flags::default(), None);
    if value.len() > MANDATORY {
        flags = Flags::read(&mut bits)?;
        if flags.structure {
            let from = bits.at;
            let structure = Structure::read(&mut bits)?;
            structured = Some((from, bits.at, structure.targets));
        }
    }
    let targets = structured.map_or(targets, |(_, _, targets)| targets);
    if !(1..=MAX_TARGETS).contains(&usize::from(targets)) {
        return None;
    }
    for flag in [flags.structure, true, flags.indications, flags.differences, flags.chains] {
        writer.put(u32::from(flag), 1)?;
    }
    if let Some((from, to, _)) = structured {
        writer.copy(&mut Bits { bytes: value, at: from }, to - from)?;
    }
    let was = if flags.active { bits.take(u32::from(targets))? } else { all(targets) };
    writer.put(was & mask, u32::from(targets))?;
    // What follows was padded to whole bytes, with zeros.
    let rest = (value.len() * 8).saturating_sub(bits.at);
    writer.copy(&mut bits, rest)?;
    Some(writer.at.div_ceil(8))
}

fn all(targets: u8) -> u32 {
    u32::MAX >> (32 - u32::from(targets.clamp(1, 32)))
}

const fn indication_of(indications: u64, target: u8) -> u64 {
    indications >> (2 * target) & 3
}

/// Reads bits, the highest of each byte first.
struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Bits<'a> {
    const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    fn take(&mut self, count: u32) -> Option<u32> {
        let mut value = 0u64;
        for _ in 0..count {
            let byte = self.bytes.get(self.at / 8)?;
            value = value << 1 | u64::from(byte >> (7 - self.at % 8) & 1);
            self.at += 1;
        }
        u32::try_from(value).ok()
    }

    fn flag(&mut self) -> Option<bool> {
        self.take(1).map(|bit| bit == 1)
    }

    fn indications(&mut self, targets: u8) -> Option<u64> {
        let mut all = 0;
        for target in 0..targets {
            all |= u64::from(self.take(2)?) << (2 * target);
        }
        Some(all)
    }

    /// `ns(n)`: a number below `n` in as few bits as possible.
    fn non_symmetric(&mut self, n: u32) -> Option<u32> {
        let width = u32::BITS - n.leading_zeros();
        let short = (1 << width) - n;
        let value = self.take(width - 1)?;
        if value < short {
            return Some(value);
        }
        Some((value << 1) - short + self.take(1)?)
    }
}

/// Writes bits.
struct Writer<'a> {
    out: &'a mut [u8; 255],
    at: usize,
}

impl Writer<'_> {
    fn put(&mut self, value: u32, count: u32) -> Option<()> {
        for shift in (0..count).rev() {
            let byte = self.out.get_mut(self.at / 8)?;
            if self.at.is_multiple_of(8) {
                *byte = 0;
            }
            *byte |= ((value >> shift & 1) as u8) << (7 - self.at % 8);
            self.at += 1;
        }
        Some(())
    }

    fn copy(&mut self, bits: &mut Bits<'_>, mut count: usize) -> Option<()> {
        while count > 0 {
            let some = count.min(16) as u32;
            self.put(bits.take(some)?, some)?;
            count -= some as usize;
        }
        Some(())
    }
}

#[cfg(test)]
#[path = "dd_tests.rs"]
pub(crate) mod tests;
