//! Replacing a part of a message's text, and what that does to the places behind it.

use std::ops::Range;

/// Where params were put, and how that moved what stands behind them.
pub(super) struct Put {
    pub(super) range: Range<usize>,
    pub(super) shift: Shift,
}

pub(super) fn put_params(text: &mut String, params_at: Option<Range<usize>>, params: &str) -> Put {
    let (shift, start) = match params_at {
        Some(at) => (splice(text, &at, params), at.start),
        None => {
            // A message ends with the brace of its envelope.
            let end = text.rfind('}').unwrap_or(text.len());
            let member = format!(",\"params\":{params}");
            let start = end + member.len() - params.len();
            (splice(text, &(end..end), &member), start)
        }
    };
    let range = start..start + params.len();
    Put { range, shift }
}

/// How an edit moved what stands behind it.
pub(super) struct Shift {
    from: usize,
    grown: isize,
}

impl Shift {
    pub(super) fn move_index(&self, index: usize) -> usize {
        if index >= self.from {
            index.wrapping_add_signed(self.grown)
        } else {
            index
        }
    }

    pub(super) fn apply(&self, range: &Range<usize>) -> Range<usize> {
        self.move_index(range.start)..self.move_index(range.end)
    }
}

pub(super) fn splice(text: &mut String, at: &Range<usize>, with: &str) -> Shift {
    let shift = Shift {
        from: at.end,
        grown: with.len() as isize - at.len() as isize,
    };
    text.replace_range(at.clone(), with);
    shift
}
