// Which image: one of the test set, one drawn here, one uploaded.

import { el, setText } from "../dom.js";

export class Picker {
  /** @param act (action, value) => void: "test" index, "random", "class" c, "worst", "wrong", "draw", "upload" */
  constructor(act) {
    this.act = act;
    const button = (action, text, title) => el("button", { type: "button", class: "ps-button", title, text, onclick: () => act(action) });
    this.number = el("input", { type: "number", class: "ps-select pa-number", min: "0", step: "1", "aria-label": "Number of the test image" });
    this.number.onchange = () => act("test", Number(this.number.value));
    this.classes = el("select", { class: "ps-select", "aria-label": "A test image of one class" });
    this.classes.onchange = () => {
      if (this.classes.value !== "") act("class", Number(this.classes.value));
      this.classes.value = "";
    };
    this.previous = button("previous", "‹", "Previous test image");
    this.next = button("next", "›", "Next test image");
    for (const node of [this.previous, this.next]) node.setAttribute("aria-label", node.title);
    this.random = button("random", "Random", "Any test image");
    this.worst = button("worst", "Worst copied", "The test images it reconstructs worst, one after the other");
    this.wrong = button("wrong", "Next misread", "The next test image whose class the probe gets wrong");
    this.draw = button("draw", "Draw one", "Draw with mouse, finger, pen or keys");
    this.draw.setAttribute("aria-expanded", "false");
    this.file = el("input", { type: "file", accept: "image/png,image/jpeg,image/gif,image/bmp,image/webp", hidden: true, "aria-label": "Picture to upload" });
    this.file.onchange = () => {
      if (this.file.files.length) act("upload", this.file.files[0]);
      this.file.value = "";
    };
    this.upload = el("button", { type: "button", class: "ps-button", title: "A photograph or scan of one, centred and scaled as the data set's images are; or drop a file here", text: "Upload a picture", onclick: () => this.file.click() });
    this.words = el("span", { class: "ps-what", role: "status" });
    this.node = el(
      "div",
      { class: "pa-picker", role: "group", "aria-label": "Choose an image" },
      el("span", { class: "pa-row" }, el("label", { class: "pa-label", text: "Test image" }), this.previous, this.number, this.next),
      el("span", { class: "pa-row" }, this.random, this.classes, this.worst, this.wrong),
      el("span", { class: "pa-row" }, this.draw, this.upload, this.file),
      this.words,
    );
    this.node.ondragover = (event) => event.preventDefault();
    this.node.ondrop = (event) => {
      event.preventDefault();
      if (event.dataTransfer.files.length) act("upload", event.dataTransfer.files[0]);
    };
  }

  show({ image, nTest, names, hasLabels, worst, wrong, probe, drawing, drawable, words }) {
    const key = names.join();
    if (key !== this.key) {
      this.key = key;
      this.classes.replaceChildren(el("option", { value: "", text: "of class…" }), ...names.map((name, c) => el("option", { value: c, text: name })));
    }
    this.number.max = nTest - 1;
    if (document.activeElement !== this.number && image.index !== null) this.number.value = image.index;
    this.classes.disabled = !hasLabels;
    this.worst.disabled = !worst;
    this.wrong.disabled = !wrong?.length;
    this.wrong.title = !probe ? "Train the probe on Classify first" : wrong?.length === 0 ? "It misreads none" : "The next test image whose class the probe gets wrong";
    this.draw.setAttribute("aria-expanded", String(drawing));
    this.draw.hidden = !drawable;
    setText(this.draw, drawing ? "Close the pad" : "Draw one");
    setText(this.words, words);
  }
}
