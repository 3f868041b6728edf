//! The request body that the layer hands down.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf as _, Bytes};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::tape::{Rewound, Tape};

pin_project! {
    /// The body of a request on its way through [`Oneflight`](super::Oneflight).
    ///
    /// It passes the caller's body on, frame by frame, and keeps what has passed, so that a refused request can be sent
    /// again: trailers and all. Lengths, and whether there is a body at all, are as the caller's body says.
    ///
    /// Bodies that are empty, known to be too long, or none of our business are not kept.
    pub struct RecordingBody<B: Body> {
        #[pin]
        kind: Kind<B>,
    }
}

pin_project! {
    #[project = KindProjection]
    enum Kind<B: Body> {
        Empty,
        Passing { #[pin] body: B },
        Recording { tape: Tape<B> },
        Replaying { rewound: Rewound },
    }
}

impl<B: Body> RecordingBody<B> {
    /// A body without frames.
    pub(super) fn empty() -> Self {
        Self { kind: Kind::Empty }
    }

    /// A body that is not kept.
    pub(super) fn passing(body: B) -> Self {
        Self {
            kind: Kind::Passing { body },
        }
    }

    pub(super) fn recording(tape: Tape<B>) -> Self {
        Self {
            kind: Kind::Recording { tape },
        }
    }

    pub(super) fn replaying(rewound: Rewound) -> Self {
        Self {
            kind: Kind::Replaying { rewound },
        }
    }
}

impl<B: Body> Body for RecordingBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self.project().kind.project() {
            KindProjection::Empty => Poll::Ready(None),
            KindProjection::Passing { body } => body.poll_frame(cx).map(|frame| {
                let bytes = |mut data: B::Data| data.copy_to_bytes(data.remaining());
                frame.map(|frame| frame.map(|frame| frame.map_data(bytes)))
            }),
            KindProjection::Recording { tape } => tape.poll_frame(cx),
            KindProjection::Replaying { rewound } => Poll::Ready(rewound.next_frame().map(Ok)),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Empty => true,
            Kind::Passing { body } => body.is_end_stream(),
            Kind::Recording { tape } => tape.is_end_stream(),
            Kind::Replaying { rewound } => rewound.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Empty => SizeHint::with_exact(0),
            Kind::Passing { body } => body.size_hint(),
            Kind::Recording { tape } => tape.size_hint(),
            Kind::Replaying { rewound } => rewound.size_hint(),
        }
    }
}

impl<B: Body> fmt::Debug for RecordingBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            Kind::Empty => "RecordingBody(empty)",
            Kind::Passing { .. } => "RecordingBody(passing)",
            Kind::Recording { .. } => "RecordingBody(recording)",
            Kind::Replaying { .. } => "RecordingBody(replaying)",
        })
    }
}
