"""The page in headless Chromium, at both sizes; --screenshots DIRECTORY keeps pictures of three states."""
import os
import pathlib
import shutil
import sys
import time
import unittest

from daemon import TOKEN, Daemon

CHROMIUM = shutil.which("chromium")
DRIVER = shutil.which("chromedriver")
PICTURES = os.environ.get("SCREENSHOTS")


@unittest.skipUnless(CHROMIUM and DRIVER, "needs chromium and chromedriver")
class Page(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        from selenium import webdriver
        from selenium.webdriver.chrome.options import Options
        from selenium.webdriver.chrome.service import Service
        options = Options()
        options.binary_location = CHROMIUM
        for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        cls.browser = webdriver.Chrome(options=options, service=Service(DRIVER))

    @classmethod
    def tearDownClass(cls):
        cls.browser.quit()

    def open(self, d, width):
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                                     {"width": width, "height": 720, "deviceScaleFactor": 1, "mobile": False})
        self.browser.get("about:blank")
        self.browser.get(f"http://127.0.0.1:{d.port}/#token={TOKEN}")
        self.wait("return document.getElementById('link').classList.contains('on')")

    def wait(self, script, seconds=15):
        end = time.monotonic() + seconds
        while not self.browser.execute_script(script):
            self.assertLess(time.monotonic(), end, script)
            time.sleep(0.05)

    def say(self, text):
        field = self.browser.find_element("id", "prompt")
        before = self.browser.execute_script("return document.querySelectorAll('.answer').length")
        field.send_keys(text)
        field.submit()
        self.wait(f"return document.querySelectorAll('.answer:not(.working)').length > {before}")
        return self.browser.execute_script("return [...document.querySelectorAll('.answer .line')].pop().textContent")

    def speed(self, value):
        self.browser.execute_script("const r = document.getElementById('speed'); r.value = arguments[0];"
                                    "r.dispatchEvent(new Event('input'))", value)

    def picture(self, name):
        if PICTURES:
            time.sleep(1.6)  # for the movements to end
            pathlib.Path(PICTURES).mkdir(parents=True, exist_ok=True)
            self.browser.save_screenshot(str(pathlib.Path(PICTURES) / f"{name}.png"))

    def check_layout(self):
        """Nothing is cut off, and what is touched is large enough for a finger."""
        self.assertEqual(self.browser.execute_script(
            "return [document.documentElement.scrollWidth <= innerWidth, document.documentElement.scrollHeight <= innerHeight]"),
            [True, True])
        small = self.browser.execute_script(
            "return [...document.querySelectorAll('button, input')].filter(e => e.getBoundingClientRect().height < 44)"
            ".map(e => e.outerHTML)")
        self.assertEqual(small, [])
        outside = self.browser.execute_script(
            "return [...document.querySelectorAll('.zone, .meter, .lamp, .prompt, .speed')].filter(e => { const r = e"
            ".getBoundingClientRect(); return r.bottom > innerHeight || r.right > innerWidth || r.left < 0 })"
            ".map(e => e.outerHTML.slice(0, 80))")
        self.assertEqual(outside, [])

    def check_log(self):
        self.assertEqual([entry for entry in self.browser.get_log("browser") if entry["level"] == "SEVERE"], [])

    def test_page(self):
        for width in (1280, 1920):
            with self.subTest(width), Daemon() as d:
                self.open(d, width)
                self.check_layout()
                self.picture(f"{width}-1-calm")
                self.assertEqual(self.say("open the passenger window halfway"), "Passenger window: 50 %")
                self.wait("return SEATS[2].label.textContent === '50%' && SEATS[2].window_.classList.contains('open')")
                self.say("it's too cold back here")
                self.wait("return SEATS[1].temp.textContent.startsWith('22.5')")
                self.say("make the ambient light purple")
                self.wait("return getComputedStyle(document.documentElement).getPropertyValue('--ambient') === '#a24bff'")
                self.say("turn on the wipers")
                self.wait("return document.getElementById('wiper-front').classList.contains('on')")
                self.say("heat my seat")
                self.wait("return SEATS[0].hot.style.opacity > 0")
                self.check_layout()
                self.picture(f"{width}-2-evening")
                self.speed(90)
                self.wait("return state['Vehicle.Speed'] === 90")
                time.sleep(0.3)
                self.assertEqual(self.say("open the trunk"), "The trunk opens only when the car stands.")
                self.wait("return document.getElementById('toast').classList.contains('on')")
                for text in ("open the sunroof", "turn on the high beam", "turn on the hazard lights"):
                    self.say(text)
                self.check_layout()
                self.picture(f"{width}-3-driving")
                self.assertGreater(float(self.browser.execute_script(
                    "return document.getElementById('rate-value').textContent")), 1)
                self.check_log()


if __name__ == "__main__":
    if "--screenshots" in sys.argv:
        PICTURES = sys.argv.pop(sys.argv.index("--screenshots") + 1)
        sys.argv.remove("--screenshots")
    unittest.main()
