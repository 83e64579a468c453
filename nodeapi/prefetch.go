package nodeapi

// Prefetches are all the images that a node is to have ahead of its tasks: what was told before counts no more.
type Prefetches struct {
	Images []Prefetch `json:"images"`
}

// Prefetch is an image that a node is to have, and to keep as long as it is told of it.
type Prefetch struct {
	ID     string `json:"id"`
	Image  string `json:"image"`            // as it was asked for
	Ref    string `json:"ref,omitempty"`    // where to pull it from, when not as named
	Digest string `json:"digest,omitempty"` // the content it is pinned to, when the control plane knows
	Login  *Login `json:"login,omitempty"`
}

// How far a node is with a Prefetch.
const (
	PrefetchWaiting = "PENDING"
	PrefetchPulling = "PULLING"
	PrefetchReady   = "READY"
	PrefetchFailed  = "FAILED" // it is tried again
)

// PrefetchReport tells how far a node is with one image.
type PrefetchReport struct {
	ID     string `json:"id"`
	State  string `json:"state"`
	Reason string `json:"reason,omitempty"` // why it failed
	Digest string `json:"digest,omitempty"` // once it is ready
	Pulled int64  `json:"pulled,omitempty"` // bytes of its layers that have come
	Size   int64  `json:"size,omitempty"`   // of all of them; 0: not known yet
}
