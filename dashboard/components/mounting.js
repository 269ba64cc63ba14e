// How a component's module meets Streamlit, which calls `mount` at every rerun of the page.

/** `mount` for a class of views: each is built once per place, told what changed, and closed when its place goes. */
export function mounting(View) {
  const views = new WeakMap();
  return function mount(component) {
    const { parentElement } = component;
    let view = views.get(parentElement);
    if (!view || !view.node.isConnected) {
      view?.close();
      view = new View(component);
      views.set(parentElement, view);
    }
    view.receive(component);
    return () => {
      view.close();
      views.delete(parentElement);
    };
  };
}
