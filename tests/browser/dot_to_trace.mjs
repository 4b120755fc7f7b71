// node dot_to_trace.mjs BASE_URL DASHBOARD_UID WIDTH CHROMIUM PICTURES_DIR
// Opens the start page and the dashboard, hovers an exemplar's dot, follows it to the trace, and checks what a person
// would see on the way. Leaves a picture of each page in PICTURES_DIR.
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";

const here = path.dirname(fileURLToPath(import.meta.url));
const require = createRequire(path.join(here, "../../ui/package.json"));
const { chromium } = require("playwright-core");
const [base, uid, widthText, executablePath, pictures] = process.argv.slice(2);
const width = Number(widthText);

function check(condition, what) {
  if (!condition) throw new Error(`not so: ${what}`);
}

const browser = await chromium.launch({
  executablePath,
  args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync"],
});
try {
  const page = await browser.newPage({ viewport: { width, height: 900 } });
  const problems = [];
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
  const picture = (name) => page.screenshot({ path: path.join(pictures, `${name}-${width}.png`) });
  const fits = async (name) => {
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    check(wide <= width, `${name} is ${wide} px wide at ${width} px`);
  };

  await page.goto(base + "/");
  await page.getByText("demo-service").first().waitFor();
  await fits("the start page");
  await picture("start");

  await page.goto(`${base}/d/${uid}`);
  const dots = page.getByTestId("exemplar-dot");
  await dots.first().waitFor({ state: "attached", timeout: 20000 });
  await fits("the dashboard");
  await picture("dashboard");

  const dot = dots.first();
  const traceId = await dot.getAttribute("data-trace-id");
  const spanId = await dot.getAttribute("data-span-id");
  check(/^[0-9a-f]{32}$/.test(traceId ?? ""), `the dot names a trace: ${traceId}`);
  check(/\d/.test((await dot.getAttribute("aria-label")) ?? ""), "the dot says its value");
  await dot.scrollIntoViewIfNeeded();
  await dot.hover();
  const tooltip = page.getByTestId("exemplar-tooltip");
  await tooltip.waitFor();
  const said = await tooltip.innerText();
  check(said.includes(traceId), "the tooltip shows the trace id");
  check((await page.getByTestId("view-trace").count()) > 0, "the tooltip offers the trace");
  await picture("dot");

  await dot.click();
  await page.waitForURL(/\/trace\//);
  check(page.url().includes(traceId), "the click opens that trace");
  const selected = page.locator('[data-testid="span-row"][aria-selected="true"]');
  await selected.waitFor();
  if (spanId) check((await selected.getAttribute("data-span-id")) === spanId, "the exemplar's span is selected");
  check((await page.getByTestId("span-row").count()) >= 2, "the waterfall shows the spans");
  const details = await page.getByTestId("span-details").innerText();
  check(details.includes("http.method") || details.includes("service.name"), "the details show attributes");
  await fits("the trace page");
  await picture("trace");

  // The same by keyboard alone.
  await page.goto(`${base}/d/${uid}`);
  await dots.first().waitFor({ state: "attached", timeout: 20000 });
  await dots.first().focus();
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/trace\//);

  check(problems.length === 0, `no errors in the console: ${problems.join("; ")}`);
} finally {
  await browser.close();
}
