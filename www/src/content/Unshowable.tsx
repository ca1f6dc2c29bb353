import { Alert } from "@mantine/core";
import { Component } from "react";
import type { ReactNode } from "react";

interface Props {
  /** What cannot be shown, in the middle of a sentence. */
  what: string;
  /** The way out, shown with it. */
  children: ReactNode;
  wayOut?: ReactNode;
}

/** Whatever a server sent that this page fails to draw costs its own place on the screen, never the page. */
export class Unshowable extends Component<Props, { failed: boolean }> {
  override state = { failed: false };

  static getDerivedStateFromError(): { failed: boolean } {
    return { failed: true };
  }

  override render(): ReactNode {
    if (!this.state.failed) return this.props.children;
    return (
      <Alert color="yellow" variant="light" data-testid="unshowable">
        This page cannot show {this.props.what}. The frames under Traffic have it as it was sent.
        {this.props.wayOut}
      </Alert>
    );
  }
}
