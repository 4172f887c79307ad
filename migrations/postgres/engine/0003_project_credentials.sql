-- Name of the tenant's secret that opens the project's repository; the secret itself lies elsewhere.
ALTER TABLE projects ADD COLUMN credentials_secret TEXT COLLATE "C";
