//! What a browser sends while the MCP server takes nothing.
//!
//! Owns the frames that were read ahead, so that a browser which leaves is noticed although nothing of it may be handed
//! on. Never reads a socket itself.

use std::collections::VecDeque;

use tokio::time::Instant;

use crate::config::Limits;

/// Frames read ahead, and whether the browser has left behind them.
#[derive(Debug)]
pub(super) struct Ahead {
    frames: VecDeque<String>,
    n_bytes: usize,
    /// When to give up handing on what the browser sent before it left.
    ends: Option<Instant>,
    max_frames: usize,
    max_bytes: usize,
}

impl Ahead {
    /// As many frames as the queue towards the MCP server has, and as many bytes as one frame may have.
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            frames: VecDeque::new(),
            n_bytes: 0,
            ends: None,
            max_frames: limits.upstream_queue,
            max_bytes: limits.frame_bytes,
        }
    }

    /// Whether another frame may be read. The last one read may be longer than what was left.
    pub(super) fn has_room(&self) -> bool {
        !self.has_left() && self.frames.len() < self.max_frames && self.n_bytes < self.max_bytes
    }

    pub(super) fn push(&mut self, text: String) {
        self.n_bytes += text.len();
        self.frames.push_back(text);
    }

    pub(super) fn pop(&mut self) -> Option<String> {
        let text = self.frames.pop_front()?;
        self.n_bytes -= text.len();
        Some(text)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Another page is there, which knows nothing of what was read.
    pub(super) fn forget(&mut self) {
        self.frames.clear();
        self.n_bytes = 0;
        self.ends = None;
    }

    /// The browser has left; what it sent before is handed on until then.
    pub(super) fn leave(&mut self, until: Instant) {
        self.ends.get_or_insert(until);
    }

    pub(super) fn has_left(&self) -> bool {
        self.ends.is_some()
    }

    /// When what is left is given up.
    pub(super) fn ends(&self) -> Option<Instant> {
        self.ends
    }
}
