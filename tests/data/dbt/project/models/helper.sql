{{ config(materialized='ephemeral') }}
select * from {{ ref('staged_plays') }}
